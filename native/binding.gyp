{
  'variables': {
    'dpdk%': '<!(pkg-config --exists libdpdk && echo yes || echo no)',
  },
  'target_defaults': {
    'cflags_cc': ['-std=c++20', '-O3', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Wno-cast-function-type'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fno-exceptions'],
    'defines': ['_GNU_SOURCE'],
  },
  'targets': [
    { 'target_name': 'shm', 'sources': ['shm.cc'] },
    { 'target_name': 'udp', 'sources': ['udp.cc'] },
    {
      'target_name': 'dpdk',
      'conditions': [
        ['dpdk=="yes"', {
          'sources': [
            'dpdk.cc', 'dpdk_eal.cc', 'dpdk_port.cc', 'dpdk_bursts.cc', 'dpdk_lend.cc', 'dpdk_events.cc',
            'dpdk_statistics.cc',
          ],
          'cflags_cc': ['<!@(pkg-config --cflags libdpdk 2>/dev/null || true)'],
          'libraries': ['<!@(pkg-config --libs libdpdk 2>/dev/null || true)'],
        }, { 'type': 'none' }],
      ],
    },
  ],
}
