// SPDX-License-Identifier: GPL-2.0
/*
 * vpi-tty: a serial port /dev/ttyAMA0 for the driver under test, with a platform device behind it as a UART has one, and its far
 * end /dev/ttyAMA1, with none, into which a test writes what the receiver says. Parameters, writable in /sys/module/vpi_tty/parameters/:
 *   dcd      the carrier-detect line of port 0: calls the line discipline's dcd_change, as a UART's interrupt does (pps-ldisc
 *            stamps there), and wakes TIOCMIWAIT
 *   baud     the rate at which the far end sends; 0: any. A reader that listens at another rate hears rubbish, as many bytes
 *   plugged  0 takes /dev/ttyAMA0 away with a hang-up, 1 brings it back
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sched/signal.h>
#include <linux/serial.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>
#include <linux/tty_flip.h>
#include <linux/version.h>
#include <linux/wait.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
typedef int written_t;
typedef int count_t;
#else
typedef ssize_t written_t;
typedef size_t count_t;
#endif

static struct tty_driver *drv;
static struct platform_device *uart;
static struct tty_port port[2];
static bool dcd, plugged = true;
static unsigned int baud;
module_param(baud, uint, 0644);
static unsigned int dcd_count;
static DECLARE_WAIT_QUEUE_HEAD(miwait);

static int t_open(struct tty_struct *t, struct file *f) { return tty_port_open(&port[t->index], t, f); }
static void t_close(struct tty_struct *t, struct file *f) { tty_port_close(&port[t->index], t, f); }
static void t_hangup(struct tty_struct *t) { tty_port_hangup(&port[t->index]); }

/* Whether port 0 listens at the rate at which its far end sends. */
static bool in_step(void)
{
	struct tty_struct *t = tty_port_tty_get(&port[0]);
	bool same = true;

	if (t) {
		same = !baud || tty_get_baud_rate(t) == baud;
		tty_kref_put(t);
	}
	return same;
}

static written_t t_write(struct tty_struct *t, const unsigned char *b, count_t n)
{
	struct tty_port *p = &port[!t->index];
	count_t i;

	if (t->index == 1 && !plugged)
		return n; /* the receiver talks on, nobody hears */
	if (t->index == 1 && !in_step()) {
		for (i = 0; i < n; i++)
			tty_insert_flip_char(p, (b[i] * 5 + 7) | 0x80, TTY_NORMAL);
	} else {
		n = tty_insert_flip_string(p, b, n);
	}
	tty_flip_buffer_push(p);
	return n;
}
static unsigned int t_room(struct tty_struct *t) { return tty_buffer_space_avail(&port[!t->index]); }
static int t_tiocmget(struct tty_struct *t)
{
	return TIOCM_DSR | TIOCM_CTS | (t->index == 0 && dcd ? TIOCM_CAR : 0);
}
static int t_tiocmset(struct tty_struct *t, unsigned int s, unsigned int c) { return 0; }
static int t_icount(struct tty_struct *t, struct serial_icounter_struct *ic)
{
	ic->dcd = dcd_count;
	return 0;
}
static int t_ioctl(struct tty_struct *t, unsigned int cmd, unsigned long arg)
{
	unsigned int c = dcd_count;

	if (cmd != TIOCMIWAIT)
		return -ENOIOCTLCMD;
	if (!(arg & TIOCM_CD))
		return -EINVAL;
	return wait_event_interruptible(miwait, dcd_count != c);
}
/* Any rate will do; without this the core takes every change of the rate back. */
static void t_set_termios(struct tty_struct *t, const struct ktermios *old) { }
static const struct tty_operations ops = { .open = t_open, .close = t_close, .hangup = t_hangup,
	.write = t_write, .write_room = t_room, .tiocmget = t_tiocmget,
	.tiocmset = t_tiocmset, .get_icount = t_icount, .ioctl = t_ioctl, .set_termios = t_set_termios };
static const struct tty_port_operations pops = { };

static int set_dcd(const char *value, const struct kernel_param *kp)
{
	bool old = dcd;
	struct tty_struct *t;
	int r = param_set_bool(value, kp);

	if (r || old == dcd || !drv)
		return r;
	dcd_count++;
	t = tty_port_tty_get(&port[0]);
	if (t) {
		struct tty_ldisc *ld = tty_ldisc_ref(t);

		if (ld) {
			if (ld->ops->dcd_change)
				ld->ops->dcd_change(t, dcd);
			tty_ldisc_deref(ld);
		}
		tty_kref_put(t);
	}
	wake_up_interruptible(&miwait);
	return 0;
}
static const struct kernel_param_ops dcd_ops = { .set = set_dcd, .get = param_get_bool };
module_param_cb(dcd, &dcd_ops, &dcd, 0644);

static int set_plugged(const char *value, const struct kernel_param *kp)
{
	bool old = plugged;
	struct device *d;
	int r = param_set_bool(value, kp);

	if (r || old == plugged || !drv)
		return r;
	if (!plugged) {
		tty_port_tty_hangup(&port[0], false);
		tty_unregister_device(drv, 0);
		return 0;
	}
	d = tty_port_register_device(&port[0], drv, 0, &uart->dev);
	return PTR_ERR_OR_ZERO(d);
}
static const struct kernel_param_ops plugged_ops = { .set = set_plugged, .get = param_get_bool };
module_param_cb(plugged, &plugged_ops, &plugged, 0644);

static int vpi_probe(struct platform_device *p) { return 0; }
static struct platform_driver uart_driver = { .probe = vpi_probe, .driver = { .name = "vpi-uart" } };

static int __init vpi_init(void)
{
	struct tty_driver *d = tty_alloc_driver(2, TTY_DRIVER_REAL_RAW | TTY_DRIVER_RESET_TERMIOS | TTY_DRIVER_DYNAMIC_DEV);
	int i, r;

	if (IS_ERR(d))
		return PTR_ERR(d);
	d->driver_name = "vpi_tty";
	d->name = "ttyAMA";
	d->type = TTY_DRIVER_TYPE_SERIAL;
	d->subtype = SERIAL_TYPE_NORMAL;
	d->init_termios = tty_std_termios;
	d->init_termios.c_cflag = B9600 | CS8 | CREAD | HUPCL | CLOCAL;
	d->init_termios.c_iflag = 0;
	d->init_termios.c_oflag = 0;
	d->init_termios.c_lflag = 0;
	tty_set_operations(d, &ops);
	for (i = 0; i < 2; i++) {
		tty_port_init(&port[i]);
		port[i].ops = &pops;
		tty_port_link_device(&port[i], d, i);
	}
	r = tty_register_driver(d);
	if (r) {
		tty_driver_kref_put(d);
		return r;
	}
	r = platform_driver_register(&uart_driver);
	uart = r ? ERR_PTR(r) : platform_device_register_simple("vpi-uart", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(uart)) {
		if (!r)
			platform_driver_unregister(&uart_driver);
		tty_unregister_driver(d);
		tty_driver_kref_put(d);
		return PTR_ERR(uart);
	}
	drv = d;
	for (i = 0; i < 2; i++)
		tty_port_register_device(&port[i], d, i, i ? NULL : &uart->dev);
	return 0;
}
static void __exit vpi_exit(void)
{
	int i;

	for (i = 0; i < 2; i++)
		if (i || plugged)
			tty_unregister_device(drv, i);
	platform_device_unregister(uart);
	platform_driver_unregister(&uart_driver);
	tty_unregister_driver(drv);
	tty_driver_kref_put(drv);
	for (i = 0; i < 2; i++)
		tty_port_destroy(&port[i]);
}
module_init(vpi_init);
module_exit(vpi_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("null-modem pair of serial ports with a drivable carrier-detect line");
