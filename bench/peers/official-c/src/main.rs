//! One side of a benchmark on the official C driver and client: both run on this program's only thread, called
//! straight through their C functions. Arguments are `key=value` words, results are JSON lines on standard output.
//! It runs until it is ended by a signal.

mod aeron;
mod arguments;
mod histogram;
mod poller;
mod report;
mod roles;

use arguments::Arguments;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words == ["--version"] {
        println!("{}", aeron::version());
        return;
    }
    let arguments = Arguments::parse(&words);
    match arguments.role.as_str() {
        "publish" => roles::publish(&arguments),
        "count" => roles::count(&arguments),
        "ping" => roles::ping(&arguments),
        "echo" => roles::echo(&arguments),
        role => panic!("role={role}, expected publish, count, ping or echo"),
    }
}
