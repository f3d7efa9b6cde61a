//! The lines on standard output.

use crate::histogram::Histogram;
use std::fmt::Display;

pub fn ready() {
    println!(r#"{{"event":"ready"}}"#);
}

pub fn window() {
    println!(r#"{{"event":"window"}}"#);
}

pub fn counted(messages: i64, elapsed_ns: i64, lost: i64, samples: &[i64]) {
    let samples = joined(samples.iter());
    result(messages, elapsed_ns, lost, &format!(r#""samples":[{samples}]"#));
}

pub fn pinged(elapsed_ns: i64, lost: i64, histogram: &Histogram) {
    let buckets = joined(histogram.buckets().map(|(ns, count)| format!("[{ns},{count}]")));
    result(histogram.total() as i64, elapsed_ns, lost, &format!(r#""histogram":[{buckets}]"#));
}

fn result(messages: i64, elapsed_ns: i64, lost: i64, more: &str) {
    println!(r#"{{"event":"result","messages":{messages},"elapsedNs":{elapsed_ns},"lost":{lost},{more}}}"#);
}

fn joined(items: impl Iterator<Item = impl Display>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}
