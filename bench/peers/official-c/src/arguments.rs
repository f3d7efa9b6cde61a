use std::collections::HashMap;
use std::fmt::Debug;
use std::str::FromStr;

const MEBIBYTE: usize = 1024 * 1024;
const NS_PER_MS: i64 = 1_000_000;

/// What this side is asked to do.
pub struct Arguments {
    pub role: String,
    pub side: usize,
    pub folder: String,
    pub is_ipc: bool,
    /// Side 0's and side 1's.
    pub ports: [u16; 2],
    pub message_length: usize,
    pub mtu: usize,
    pub streams: usize,
    /// Pings a second by a fixed schedule; 0: one in flight.
    pub rate: i64,
    pub warm_up_ns: i64,
    pub duration_ns: i64,
    pub term_length: usize,
    pub window_length: usize,
    pub socket_buffer_length: usize,
}

impl Arguments {
    pub fn parse(words: &[String]) -> Arguments {
        let values = Values(
            words
                .iter()
                .map(|word| word.split_once('=').unwrap_or_else(|| panic!("{word}: expected key=value")))
                .collect(),
        );
        let ports: String = values.required("ports");
        let (first, second) = ports.split_once(',').expect("ports=A,B");
        Arguments {
            role: values.required("role"),
            side: values.required("side"),
            folder: values.required("folder"),
            is_ipc: values.required::<String>("media") == "ipc",
            ports: [first.parse().expect("port"), second.parse().expect("port")],
            message_length: values.required("messageLength"),
            mtu: values.required("mtu"),
            streams: values.or("streams", 1),
            rate: values.or("rate", 0),
            warm_up_ns: values.required::<i64>("warmUpMs") * NS_PER_MS,
            duration_ns: values.required::<i64>("durationMs") * NS_PER_MS,
            term_length: values.or("termLength", MEBIBYTE),
            window_length: values.or("windowLength", MEBIBYTE),
            socket_buffer_length: values.or("socketBufferLength", 2 * MEBIBYTE),
        }
    }
}

struct Values<'a>(HashMap<&'a str, &'a str>);

impl Values<'_> {
    fn required<T: FromStr<Err: Debug>>(&self, key: &str) -> T {
        self.parsed(key).unwrap_or_else(|| panic!("{key}= is missing"))
    }

    fn or<T: FromStr<Err: Debug>>(&self, key: &str, default: T) -> T {
        self.parsed(key).unwrap_or(default)
    }

    fn parsed<T: FromStr<Err: Debug>>(&self, key: &str) -> Option<T> {
        let text = self.0.get(key)?;
        Some(text.parse().unwrap_or_else(|error| panic!("{key}={text}: {error:?}")))
    }
}
