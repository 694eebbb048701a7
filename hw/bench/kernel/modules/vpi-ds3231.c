// SPDX-License-Identifier: GPL-2.0
/*
 * vpi-ds3231: a virtual I2C bus with one ticking DS3231 at 0x68.
 *
 * Real I2C transfers (master_xfer), so SMBus calls and combined transactions both work, an absent address is refused, and each
 * transfer takes the time that its bits take at `baud`. The chip ticks on CLOCK_MONOTONIC_RAW times (1 + drift_ppb * 1e-9), so
 * neither a step nor a slew of the system clock moves it. After the data sheet: the time registers are latched at START, writing
 * the seconds restarts the divider, OSF can only be cleared, and the aging register (two's complement, 0.1 ppm a step, positive
 * slows) acts from the next temperature conversion on: every 64 s, or when CONV is written.
 *
 * Parameters, writable in /sys/module/vpi_ds3231/parameters/: drift_ppb, temp_q (quarter degrees C), nak (refuse every transfer),
 * stopped (the oscillator stands still and OSF is set), baud.
 */
#include <linux/bcd.h>
#include <linux/delay.h>
#include <linux/i2c.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rtc.h>
#include <linux/timekeeping.h>

#define DS_ADDR 0x68
#define NREG 0x13
#define CONTROL 0x0e
#define STATUS 0x0f
#define AGING 0x10
#define CONV 0x20
#define OSF 0x80
#define BSY 0x04
#define CONVERSION_S 64
#define CONVERSION_NS (125 * NSEC_PER_MSEC)

static DEFINE_MUTEX(lock);
static int drift_ppb;
static bool stopped;
static bool nak;
module_param(nak, bool, 0644);
static int temp_q = 101;
module_param(temp_q, int, 0644);
static unsigned int baud = 100000;
module_param(baud, uint, 0644);
static int bus = 1;
module_param(bus, int, 0444);

static u8 reg[NREG];   /* control, status, alarms; 0..6 are made when they are latched */
static u8 latch[7];
static u8 ptr;
static s64 second;     /* the chip's own time: seconds since 1970 ... */
static s64 phase_ns;   /* ... and ns since its last rollover */
static u64 mark_ns;    /* raw clock when those two held */
static s64 aging_ppb;  /* what the aging register does now */
static u64 converted_ns, busy_until_ns;

static void tick(u64 now)
{
	s64 d = now - mark_ns;

	mark_ns = now;
	if (stopped)
		return;
	phase_ns += d + div_s64(div_s64(d, 1000) * (drift_ppb + aging_ppb), 1000000);
	while (phase_ns >= (s64)NSEC_PER_SEC) {
		phase_ns -= NSEC_PER_SEC;
		second++;
	}
	if (phase_ns < 0) { /* a drift of minus one second a second is nonsense, but must not wedge */
		phase_ns += NSEC_PER_SEC;
		second--;
	}
}

static void convert(u64 at)
{
	converted_ns = at;
	aging_ppb = -100 * (s64)(s8)reg[AGING];
	reg[0x11] = (temp_q >> 2) & 0xff;
	reg[0x12] = (temp_q & 3) << 6;
}

/* Bring everything to now; lock held. */
static u64 advance(void)
{
	u64 now = ktime_get_raw_ns();

	while (now - converted_ns >= CONVERSION_S * (u64)NSEC_PER_SEC) {
		u64 at = converted_ns + CONVERSION_S * (u64)NSEC_PER_SEC;

		tick(max(at, mark_ns));
		convert(at);
	}
	tick(now);
	if (now >= busy_until_ns) {
		reg[CONTROL] &= ~CONV;
		reg[STATUS] &= ~BSY;
	}
	return now;
}

static void take_latch(void)
{
	struct rtc_time tm;

	rtc_time64_to_tm(second, &tm);
	latch[0] = bin2bcd(tm.tm_sec);
	latch[1] = bin2bcd(tm.tm_min);
	latch[2] = bin2bcd(tm.tm_hour);
	latch[3] = tm.tm_wday + 1;
	latch[4] = bin2bcd(tm.tm_mday);
	latch[5] = bin2bcd(tm.tm_mon + 1) | (tm.tm_year >= 200 ? 0x80 : 0);
	latch[6] = bin2bcd(tm.tm_year % 100);
}

static void set_time(bool seconds)
{
	struct rtc_time tm = {
		.tm_sec = bcd2bin(latch[0] & 0x7f), .tm_min = bcd2bin(latch[1] & 0x7f),
		.tm_hour = bcd2bin(latch[2] & 0x3f), .tm_mday = bcd2bin(latch[4] & 0x3f),
		.tm_mon = bcd2bin(latch[5] & 0x1f) - 1,
		.tm_year = bcd2bin(latch[6]) + (latch[5] & 0x80 ? 200 : 100) };

	if (rtc_valid_tm(&tm))
		return;
	second = rtc_tm_to_time64(&tm);
	if (seconds)
		phase_ns = 0;
}

static void write_register(u8 r, u8 value, u64 now)
{
	switch (r) {
	case CONTROL:
		if ((value & CONV) && !(reg[STATUS] & BSY)) {
			convert(now);
			busy_until_ns = now + CONVERSION_NS;
			reg[STATUS] |= BSY;
		} else if (!(reg[STATUS] & BSY)) {
			value &= ~CONV;
		}
		reg[r] = value | (reg[STATUS] & BSY ? CONV : 0);
		break;
	case STATUS: /* OSF and the alarm flags can only be cleared, BSY not at all */
		reg[r] = (reg[r] & 0x83 & value) | (value & 0x08) | (reg[r] & BSY);
		if (stopped)
			reg[r] |= OSF;
		break;
	case 0x11:
	case 0x12:
		break; /* the temperature is for reading */
	default:
		reg[r] = value;
	}
}

static void one_message(struct i2c_msg *m)
{
	u64 now = advance();
	int j;

	take_latch();
	if (m->flags & I2C_M_RD) {
		for (j = 0; j < m->len; j++, ptr = (ptr + 1) % NREG)
			m->buf[j] = ptr < 7 ? latch[ptr] : reg[ptr];
	} else if (m->len) {
		bool time = false, seconds = false;

		ptr = m->buf[0] % NREG;
		for (j = 1; j < m->len; j++, ptr = (ptr + 1) % NREG) {
			if (ptr < 7) {
				latch[ptr] = m->buf[j];
				time = true;
				seconds |= ptr == 0;
			} else {
				write_register(ptr, m->buf[j], now);
			}
		}
		if (time)
			set_time(seconds);
	}
}

static int xfer(struct i2c_adapter *adapter, struct i2c_msg *m, int num)
{
	int i;

	for (i = 0; i < num; i++) {
		unsigned long us = baud ? DIV_ROUND_UP(9UL * 1000000 * (m[i].len + 1), baud) : 0;
		bool there = !nak && m[i].addr == DS_ADDR;

		if (there && (m[i].flags & I2C_M_RD)) { /* latched at START, then shifted out */
			mutex_lock(&lock);
			one_message(&m[i]);
			mutex_unlock(&lock);
		}
		if (us)
			usleep_range(us, us + 10);
		if (!there)
			return -ENXIO;
		if (!(m[i].flags & I2C_M_RD)) { /* taken when its last byte is in */
			mutex_lock(&lock);
			one_message(&m[i]);
			mutex_unlock(&lock);
		}
	}
	return num;
}

/* A rate that changes must not move the phase that it had until now. */
static int set_drift(const char *value, const struct kernel_param *kp)
{
	int r;

	mutex_lock(&lock);
	advance();
	r = param_set_int(value, kp);
	mutex_unlock(&lock);
	return r;
}
static const struct kernel_param_ops drift_ops = { .set = set_drift, .get = param_get_int };
module_param_cb(drift_ppb, &drift_ops, &drift_ppb, 0644);

static int set_stopped(const char *value, const struct kernel_param *kp)
{
	int r;

	mutex_lock(&lock);
	advance();
	r = param_set_bool(value, kp);
	if (stopped)
		reg[STATUS] |= OSF;
	mutex_unlock(&lock);
	return r;
}
static const struct kernel_param_ops stopped_ops = { .set = set_stopped, .get = param_get_bool };
module_param_cb(stopped, &stopped_ops, &stopped, 0644);

static u32 functionality(struct i2c_adapter *adapter) { return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL; }
static const struct i2c_algorithm algorithm = { .master_xfer = xfer, .functionality = functionality };
static struct i2c_adapter adapter = { .owner = THIS_MODULE, .algo = &algorithm, .name = "virtual pi i2c" };

static int __init vpi_init(void)
{
	mark_ns = converted_ns = ktime_get_raw_ns();
	second = 946684800; /* 2000-01-01: never set */
	reg[CONTROL] = 0x1c;
	reg[STATUS] = OSF | 0x08; /* it has stood still, and EN32kHz */
	convert(mark_ns);
	adapter.nr = bus;
	return i2c_add_numbered_adapter(&adapter);
}
static void __exit vpi_exit(void) { i2c_del_adapter(&adapter); }
module_init(vpi_init);
module_exit(vpi_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("virtual I2C bus with a ticking DS3231");
