/** Which driver of DPDK takes which card. */

/** How a card gets to DPDK. */
export type DpdkPath =
  /** A user-space I/O driver (vfio-pci, uio) takes the kernel driver's place. */
  | 'exclusive'
  /** The kernel driver stays, and DPDK works beside it through ibverbs: nothing to unbind. */
  | 'bifurcated';

/** A poll mode driver for a card. */
export interface DpdkDriver {
  /** DPDK's own name: `net_ixgbe`. */
  readonly name: string;
  readonly path: DpdkPath;
}

const BIFURCATED: readonly string[] = ['net_mlx4', 'mlx5_eth', 'net_mana'];

/** Driver, vendor, devices: what the drivers of DPDK 22.11 say of themselves (`PMD_INFO_STRING`), and of MANA's source. */
const CARDS: readonly (readonly [driver: string, vendorId: string, deviceIds: string])[] = [
  ['mlx5_eth', '15b3', '1013 1014 1015 1016 1017 1018 1019 101a 101b 101c 101d 101e 101f 1021 a2d2'],
  ['mlx5_eth', '15b3', 'a2d3 a2d6 a2dc'],
  ['net_atlantic', '1d6a', '0001 00b1 07b1 08b1 09b1 11b1 12b1 51b1 52b1 80b1 87b1 88b1 89b1 91b1 92b1'],
  ['net_atlantic', '1d6a', 'd100 d107 d108 d109'],
  ['net_axgbe', '1022', '1458 1459'],
  ['net_bnx2x', '1077', '16a1'],
  ['net_bnx2x', '14e4', '163d 164f 168a 168d 168e 16a1 16a2'],
  ['net_bnx2xvf', '1077', '16ad'],
  ['net_bnx2xvf', '14e4', '163f 16a9 16ad 16af'],
  ['net_bnxt', '14e4', '1606 1609 1614 16c1 16cb 16cc 16cd 16d3 16d6 16d7 16d8 16d9 16dc 16de 16e0'],
  ['net_bnxt', '14e4', '16e1 16e2 16e3 16e4 16ea 16ec 16ee 16f0 1750 1751 1752 1800 1801 1802 1803'],
  ['net_bnxt', '14e4', '1804 1805 1806 1807 d800 d802 d804 d812 d814 d818 d82e'],
  ['net_cxgbe', '1425', '5400 5401 5402 5403 5404 5405 5406 5407 5408 5409 540a 540d 540e 5410 5411'],
  ['net_cxgbe', '1425', '5412 5413 5414 5415 5416 5417 5418 5419 541a 541b 5480 5481 5482 5483 5484'],
  ['net_cxgbe', '1425', '5485 5486 5487 5488 5489 5490 5491 5492 5493 5494 5495 5496 5497 5498 5499'],
  ['net_cxgbe', '1425', '549a 549b 549c 549d 549e 549f 54a0 54a1 54a2 54a3 54a4 54a5 54a6 54a7 54a8'],
  ['net_cxgbe', '1425', '54a9 54aa 54ab 54ac 54ad 54ae 54af 54b0 6401 6402 6403 6404 6405 6406 6407'],
  ['net_cxgbe', '1425', '6408 6409 640d 6411 6414 6415 6480 6481 6482 6483 6484 6485 6486 6487 6488'],
  ['net_cxgbe', '1425', '6489 648a 648b'],
  ['net_cxgbevf', '1425', '5800 5801 5802 5803 5804 5805 5806 5807 5808 5809 580a 580d 580e 5810 5811'],
  ['net_cxgbevf', '1425', '5812 5813 5814 5815 5816 5817 5818 5819 581a 581b 5880 5881 5882 5883 5884'],
  ['net_cxgbevf', '1425', '5885 5886 5887 5888 5889 5890 5891 5892 5893 5894 5895 5896 5897 5898 5899'],
  ['net_cxgbevf', '1425', '589a 589b 589c 589d 589e 589f 58a0 58a1 58a2 58a3 58a4 58a5 58a6 58a7 58a8'],
  ['net_cxgbevf', '1425', '58a9 58aa 58ab 58ac 58ad 58ae 58af 58b0 6801 6802 6803 6804 6805 6806 6807'],
  ['net_cxgbevf', '1425', '6808 6809 680d 6811 6814 6815 6880 6881 6882 6883 6884 6885 6886 6887 6888'],
  ['net_cxgbevf', '1425', '6889 688a 688b'],
  ['net_e1000_em', '8086', '100e 100f 1010 1011 1012 101d 105e 105f 1060 107d 107e 107f 109a 10a4 10a5'],
  ['net_e1000_em', '8086', '10b9 10bc 10d3 10d5 10d9 10da 10f6 1502 150c 153a 153b 1559 155a 156f 1570'],
  ['net_e1000_em', '8086', '15a0 15a1 15a2 15a3 15b7 15b8 15b9 15bb 15bc 15bd 15be 15d6 15d7 15d8 15e3'],
  ['net_e1000_igb', '8086', '0438 043a 043c 0440 10a7 10a9 10c9 10d6 10e6 10e7 10e8 150a 150d 150e 150f'],
  ['net_e1000_igb', '8086', '1510 1511 1516 1518 1521 1522 1523 1524 1526 1527 1533 1534 1535 1536 1537'],
  ['net_e1000_igb', '8086', '1538 1539 1546 157b 157c 1f40 1f41 1f45'],
  ['net_e1000_igb_vf', '8086', '10ca 1520 152d 152f'],
  ['net_ena', '1d0f', 'ec20 ec21'],
  ['net_enic', '1137', '0043 0071 02b7'],
  ['net_fm10k', '8086', '15a4 15a5 15d0'],
  ['net_gve', '1ae0', '0042'],
  ['net_hinic', '19e5', '0200 0205 0206 0210 1822 375e 379e'],
  ['net_hns3', '19e5', 'a220 a221 a222 a224 a226 a228'],
  ['net_hns3_vf', '19e5', 'a22e a22f'],
  ['net_i40e', '8086', '0cf8 0d58 101f 104e 104f 1572 1574 1580 1581 1583 1584 1585 1586 1587 1588'],
  ['net_i40e', '8086', '1589 158a 158b 15ff 374c 37ce 37cf 37d0 37d1 37d2 37d3'],
  ['net_iavf', '8086', '154c 1571 1889 374d 37cd'],
  ['net_ice', '8086', '0dbd 0dcd 124c 124d 124e 124f 151d 1591 1592 1593 1599 159a 159b 1888 188a'],
  ['net_ice', '8086', '188b 188c 188d 188e 1890 1891 1892 1893 1894 1897 1898 1899 189a 579c 579d'],
  ['net_ice', '8086', '579e 579f'],
  ['net_idpf', '8086', '1452'],
  ['net_igc', '8086', '0d9f 125b 125c 125d 125f 15f2 15f3 15f8 3100 3102 5503'],
  ['net_ionic', '1dd8', '1002 1003 1004'],
  ['net_ixgbe', '8086', '10b6 10c6 10c7 10c8 10db 10dd 10e1 10ec 10f1 10f4 10f7 10f8 10f9 10fb 10fc'],
  ['net_ixgbe', '8086', '1507 1508 150b 1514 1517 151c 1528 1529 152a 154a 154d 1557 1558 155d 1560'],
  ['net_ixgbe', '8086', '1563 15aa 15ab 15ac 15ad 15ae 15b0 15c2 15c3 15c4 15c6 15c7 15c8 15ca 15cc'],
  ['net_ixgbe', '8086', '15ce 15d1 15e4 15e5'],
  ['net_ixgbe_vf', '8086', '10ed 1515 152e 1530 1564 1565 15a8 15a9 15b4 15c5'],
  ['net_mana', '1414', '00ba'],
  ['net_mlx4', '15b3', '1003 1004 1007'],
  ['net_nfp_pf', '19ee', '3800 4000 6000'],
  ['net_nfp_pf', '1da8', '3800 4000 6000'],
  ['net_nfp_vf', '19ee', '3803 6003'],
  ['net_nfp_vf', '1da8', '3803 6003'],
  ['net_ngbe', '8088', '0100 0101 0102 0103 0104 0105 0106 0107 0108 0109 010a 010b'],
  ['net_qede', '1077', '1629 1634 1644 1654 1656 8070 8071 8072 8073'],
  ['net_qede_vf', '1077', '1630 1664 8090'],
  ['net_sfc', '10ee', '0100 1100'],
  ['net_sfc', '1924', '0903 0923 0a03 0b03 1903 1923 1a03 1b03'],
  ['net_txgbe', '8088', '1001 2001'],
  ['net_txgbe_vf', '8088', '1000 2000'],
  ['net_virtio', '1af4', '1000 1041'],
  ['net_vmxnet3', '15ad', '07b0'],
];

const BY_ID: ReadonlyMap<string, string> = new Map(
  CARDS.flatMap(([driver, vendorId, deviceIds]) =>
    deviceIds.split(' ').map((deviceId): [string, string] => [`${vendorId}:${deviceId}`, driver]),
  ),
);

/** The driver for a PCI card by its ids, four lower-case hexadecimal digits each; null when DPDK has none. */
export function dpdkDriverOf(vendorId: string, deviceId: string): DpdkDriver | null {
  const name = BY_ID.get(`${vendorId}:${deviceId}`);
  if (name === undefined) return null;
  return { name, path: BIFURCATED.includes(name) ? 'bifurcated' : 'exclusive' };
}
