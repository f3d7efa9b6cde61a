//! Messages whose length and content follow from (seed, producer, index), as in test/support/checked-message.ts, and what
//! both programs do with them. The files change together.

use std::time::{Duration, Instant};

const HEADER_LENGTH: usize = 16;
const SMALL_LENGTH_MAX: usize = 256;
const MEDIUM_LENGTH_MAX: usize = 1500;
const LIMIT: Duration = Duration::from_secs(30);

/// The command line: words of the form name=value.
pub struct Arguments(Vec<String>);

impl Arguments {
    pub fn of_process() -> Arguments {
        Arguments(std::env::args().skip(1).collect())
    }

    pub fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("missing argument: {name}"))
    }

    pub fn number(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or_else(|_| panic!("{name} is not a number"))
    }
}

/// What one producer sends.
pub struct CheckedStream {
    seed: i32,
    producer: i32,
    pub count: i32,
    pub max_length: usize,
}

impl CheckedStream {
    pub fn new(arguments: &Arguments, producer: i32) -> CheckedStream {
        CheckedStream {
            seed: arguments.number("seed") as i32,
            producer,
            count: arguments.number("count") as i32,
            max_length: arguments.number("maxLength") as usize,
        }
    }

    /// The bytes of message `index`.
    pub fn message(&self, index: i32, message: &mut Vec<u8>) {
        let mut state = self.state_of(index);
        let length = self.length_of(state);
        message.clear();
        if length == 0 {
            return;
        }
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&self.producer.to_le_bytes());
        message.extend_from_slice(&index.to_le_bytes());
        message.extend_from_slice(&(length as i32).to_le_bytes());
        state |= 1;
        while message.len() + 4 <= length {
            state = xorshift(state);
            message.extend_from_slice(&state.to_le_bytes());
        }
        state = xorshift(state);
        while message.len() < length {
            message.push(state as u8);
            state = ((state as u32) >> 8) as i32;
        }
        let sum = checksum(message);
        message[..4].copy_from_slice(&sum.to_le_bytes());
    }

    fn state_of(&self, index: i32) -> i32 {
        mix(mix(self.seed ^ self.producer.wrapping_mul(0x9e3779b9u32 as i32)).wrapping_add(index))
    }

    /// 1 of 64 messages is empty, 47 are small, 10 about a datagram long, 6 anything up to the longest.
    fn length_of(&self, state: i32) -> usize {
        let kind = state & 63;
        if kind == 0 {
            return 0;
        }
        let limit = match kind {
            1..=47 => SMALL_LENGTH_MAX,
            48..=57 => MEDIUM_LENGTH_MAX,
            _ => self.max_length,
        };
        let range = limit.min(self.max_length) - HEADER_LENGTH + 1;
        HEADER_LENGTH + ((state as u32) >> 6) as usize % range
    }
}

/// Compares what arrives of one producer with what was sent.
pub struct Verifier {
    stream: CheckedStream,
    expected: Vec<u8>,
    pub received: i32,
    bytes: usize,
    corrupted: i32,
}

impl Verifier {
    pub fn new(stream: CheckedStream) -> Verifier {
        Verifier { stream, expected: Vec::new(), received: 0, bytes: 0, corrupted: 0 }
    }

    pub fn on_message(&mut self, message: &[u8]) {
        self.stream.message(self.received, &mut self.expected);
        if self.expected != message {
            self.corrupted += 1;
        }
        self.received += 1;
        self.bytes += message.len();
    }

    pub fn is_complete(&self) -> bool {
        self.received >= self.stream.count
    }

    /// As the other subscribers say it. A message that is not the next one counts as corrupted here, whatever it is.
    pub fn print(&self) {
        println!(
            "{{\"role\":\"subscriber\",\"received\":{},\"bytes\":{},\"lost\":{},\"duplicated\":0,\"reordered\":0,\
             \"corrupted\":{},\"trouble\":\"\"}}",
            self.received,
            self.bytes,
            (self.stream.count - self.received).max(0),
            self.corrupted
        );
    }
}

/// Rests while nothing happens, and gives up when that lasts too long.
pub struct Progress {
    waiting_for: String,
    last_work: Instant,
    idle_turns: u32,
}

impl Progress {
    pub fn new(waiting_for: &str) -> Progress {
        Progress { waiting_for: waiting_for.into(), last_work: Instant::now(), idle_turns: 0 }
    }

    pub fn idle(&mut self, has_worked: bool) {
        if has_worked {
            self.idle_turns = 0;
            return;
        }
        if self.idle_turns == 0 {
            self.last_work = Instant::now();
        }
        self.idle_turns += 1;
        let waited = self.last_work.elapsed();
        assert!(waited < LIMIT, "no progress for 30 s while waiting for {}", self.waiting_for);
        if self.idle_turns > 100 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// FNV-1a over 32-bit words, folded after each so that high bits count, then over the bytes left.
fn checksum(message: &[u8]) -> i32 {
    let mut hash = 0x811c9dc5u32 as i32;
    let words = message[4..].chunks_exact(4);
    let rest = words.remainder();
    for word in words {
        let value = i32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        hash = (hash ^ value).wrapping_mul(0x01000193);
        hash ^= ((hash as u32) >> 15) as i32;
    }
    for byte in rest {
        hash = (hash ^ i32::from(*byte)).wrapping_mul(0x01000193);
    }
    hash
}

fn xorshift(state: i32) -> i32 {
    let mut x = state as u32;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    x as i32
}

fn mix(value: i32) -> i32 {
    let mut x = value as u32;
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846ca68b);
    (x ^ (x >> 16)) as i32
}
