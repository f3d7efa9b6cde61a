#!/bin/sh
# First process of the guest, from the initrd: makes a root file system of the host's, which stays untouched, and goes
# on there with start.sh of the checkout.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
give_up() {
  echo "LAB-BROKEN: $1"
  printf '\022' | dd of=/dev/port bs=1 seek=244 count=1 2>/dev/null
  poweroff -f
}
for module in virtio_pci 9pnet_virtio 9p overlay; do modprobe $module || give_up "no module $module"; done
mkdir -p /host /changes /root
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host || give_up 'no host share'
mount -t tmpfs -o size=60% changes /changes
mkdir /changes/upper /changes/work
mount -t overlay -o lowerdir=/host,upperdir=/changes/upper,workdir=/changes/work overlay /root || give_up 'no overlay'
mkdir -p /root/lab/out /root/lab/modules /root/lab/bin
mount -t 9p -o trans=virtio,version=9p2000.L,cache=none out /root/lab/out || give_up 'no results share'
cp -a /lib/modules/. /root/lab/modules/
cp /bin/busybox /root/lab/bin/
[ -e /kmod ] && cp /kmod /root/lab/bin/kmod
for folder in proc sys dev; do mount --move /$folder /root/$folder; done
start=$(sed -n 's/.*\blab.start=\([^ ]*\).*/\1/p' /root/proc/cmdline)
exec switch_root /root /lab/bin/busybox sh "$start"
