#!/bin/sh
# PID 1 of the virtual Pi. Its root is the host's own file system, read-only; what it may write is memory, and /run/out of the host.
export PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin HOME=/run/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mount -t tmpfs vartmp /var/tmp
mount -t configfs cfg /sys/kernel/config
mount -t debugfs dbg /sys/kernel/debug
mkdir -p /run/out /run/root /run/lock
mount -t hostfs none /run/out -o "$VPI_OUT"
ip link set lo up 2>/dev/null || busybox ifconfig lo 127.0.0.1 up
for module in vpi-tty "vpi-ds3231 bus=1"; do
  set -- $module
  file=$VPI_DIR/mods/$1.ko; shift
  insmod "$file" "$@" || busybox insmod "$file" "$@"
done
cd "$VPI_CWD" || exit 1
set -a
. /run/out/environment
set +a
sh /run/out/command > /run/out/said 2>&1
echo $? > /run/out/exit-code
dmesg > /run/out/dmesg
sync
busybox poweroff -f
