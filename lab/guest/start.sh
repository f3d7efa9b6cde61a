#!/bin/sh
# Second stage of the guest: what an init system does elsewhere, as little of it as the programs need. Goes on with end.sh,
# under systemd if the scenario wants that.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
b=/lab/bin/busybox
argument() { $b sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p" /proc/cmdline; }

$b mkdir -p /dev/pts /dev/shm /dev/hugepages /usr/lib/modules /lib/modules
$b mount -t devpts devpts /dev/pts
$b mount -t tmpfs shm /dev/shm
$b mount -t tmpfs run /run
$b mount -t tmpfs tmp /var/tmp
$b mount --bind /lab/modules /lib/modules
for name in modprobe lsmod rmmod depmod insmod modinfo; do
  [ -e /usr/sbin/$name ] || $b ln -s /lab/bin/kmod /usr/sbin/$name
done
hugepages=$(argument lab.hugepages)
echo "$hugepages" > /proc/sys/vm/nr_hugepages
[ "$hugepages" = 0 ] || $b mount -t hugetlbfs -o pagesize=2M hugepages /dev/hugepages
$b ip link set lo up

# The kernel's own drivers of the cards. A virtio card shows itself only once its bus driver has it.
for alias in /sys/bus/pci/devices/*/modalias; do
  case $($b cat "$alias") in *bc02*) modprobe -q "$($b cat "$alias")" ;; esac
done
for alias in /sys/bus/virtio/devices/*/modalias; do
  [ -e "$alias" ] && modprobe -q "$($b cat "$alias")"
done
for module in $(argument lab.hidden | $b tr , ' '); do
  $b rm $($b find /lab/modules -name "$module.ko*")
  depmod
done

# EAL opens every driver in its plug-in folder, over a hundred, which takes long here.
for plugins in /usr/lib/*/dpdk/pmds-*; do
  [ -d "$plugins" ] || continue
  $b mkdir -p /run/pmds
  for name in bus_pci bus_vdev mempool_ring net_e1000 net_igc net_virtio net_vmxnet3 net_tap net_af_packet net_ring; do
    for file in "$plugins/librte_$name".so*; do [ -e "$file" ] && $b cp -a "$file" /run/pmds/; done
  done
  $b mount --bind /run/pmds "$plugins"
done

echo "LAB-UP: $($b cut -d' ' -f1 /proc/uptime) s"
end="$(argument lab.folder)/lab/guest/end.sh"
[ "$(argument lab.init)" = systemd ] || exec $b sh "$end"

# Of the machine's own units only what others cannot do without: they are many, take minutes here, and one empties /tmp.
for folder in /usr/lib/systemd/system/*.wants /etc/systemd/system/*.wants; do
  [ -d "$folder" ] && $b mount -t tmpfs none "$folder"
done
$b mkdir -p /run/systemd/system
cat > /run/systemd/system/lab.service <<EOF
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/lab/bin/busybox sh $end
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
EOF
printf '[Unit]\nWants=lab.service\n' > /run/systemd/system/lab.target
exec /usr/lib/systemd/systemd --unit=lab.target --log-target=console --log-level=notice --show-status=no
