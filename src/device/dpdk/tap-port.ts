import { AeronError, codeOf } from '../../util/errors.ts';
import { DpdkDevice } from './dpdk-device.ts';
import { initialiseEal } from './eal.ts';

const DEVICE_NAME = 'net_tap_aeron';
/** `RTE_MAX_ETHPORTS` of the usual builds. */
const PORTS_MAX = 32;

/** EAL arguments with which {@link openTapPort} finds an interface of the kernel of that name. Its port comes last. */
export function withTapArgument(ealArguments: readonly string[], interfaceName: string): string[] {
  return [...ealArguments, `--vdev=${DEVICE_NAME},iface=${interfaceName}`];
}

/** Opens the kernel's end. @throws AeronError `DPDK_TAP`, or as {@link DpdkDevice.open}. */
export function openTapPort(ealArguments: readonly string[], mtu: number): DpdkDevice {
  const dpdk = initialiseEal(ealArguments);
  for (let portId = 0; portId < PORTS_MAX; portId++) {
    try {
      if (dpdk.describePort(portId).deviceName !== DEVICE_NAME) continue;
    } catch (error) {
      if (codeOf(error) === 'DPDK_NO_PORT') continue;
      throw error;
    }
    return DpdkDevice.open({ ealArguments, portId, mtu });
  }
  throw new AeronError(
    'DPDK_TAP',
    'aeron.dpdk.tap: DPDK could not make the TAP interface. It needs /dev/net/tun ("modprobe tun"), the capability CAP_NET_ADMIN, the driver ' +
      `net_tap of DPDK, and a name that no interface has: "ip link" lists them. DPDK said: ${dpdk.log().trim()}`,
  );
}
