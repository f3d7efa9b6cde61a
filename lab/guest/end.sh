#!/bin/sh
# Last stage of the guest: runs /lab/out/run.sh, which the harness wrote, and ends the machine with its outcome.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
b=/lab/bin/busybox
folder=$($b sed -n 's/.*\blab.folder=\([^ ]*\).*/\1/p' /proc/cmdline)
cd "$folder" || cd /
$b setsid $b sh /lab/out/run.sh </dev/null
status=$?
echo "$status" > /lab/out/status
echo "LAB-END: status $status, up $($b cut -d' ' -f1 /proc/uptime) s"
$b sync
$b sleep 0.2
[ "$status" = 0 ] && code='\020' || code='\021'
printf "$code" | $b dd of=/dev/port bs=1 seek=244 count=1 2>/dev/null
$b poweroff -f
