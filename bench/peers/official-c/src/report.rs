//! The lines on standard output.

use crate::histogram::Histogram;
use std::fmt::Display;

const NS_PER_MS: f64 = 1e6;

pub fn ready() {
    println!(r#"{{"event":"ready"}}"#);
}

pub fn window() {
    println!(r#"{{"event":"window"}}"#);
}

/// What any result begins with.
pub struct Window {
    pub messages: i64,
    pub elapsed_ns: i64,
    pub lost: i64,
    /// 0 where the other side runs the driver.
    pub driver_start_ns: i64,
}

pub fn counted(window: &Window, samples: &[i64]) {
    let samples = joined(samples.iter());
    result(window, &format!(r#""samples":[{samples}]"#));
}

pub fn pinged(window: &Window, histogram: &Histogram) {
    let buckets = joined(histogram.buckets().map(|(ns, count)| format!("[{ns},{count}]")));
    result(window, &format!(r#""histogram":[{buckets}]"#));
}

fn result(window: &Window, more: &str) {
    let Window { messages, elapsed_ns, lost, driver_start_ns } = *window;
    let counts = format!(r#""messages":{messages},"elapsedNs":{elapsed_ns},"lost":{lost}"#);
    let start = match driver_start_ns {
        0 => String::new(),
        ns => format!(r#","driverStartMs":{}"#, ns as f64 / NS_PER_MS),
    };
    println!(r#"{{"event":"result",{counts}{start},{more}}}"#);
}

fn joined(items: impl Iterator<Item = impl Display>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}
