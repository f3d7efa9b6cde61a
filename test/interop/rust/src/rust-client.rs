//! A client in Rust alone: role=publisher|subscriber|counters dir= channel= stream= count= seed= maxLength= producer=.

mod checked;

use aeron_rs::aeron::Aeron;
use aeron_rs::concurrent::atomic_buffer::AtomicBuffer;
use aeron_rs::concurrent::logbuffer::header::Header;
use aeron_rs::context::Context;
use aeron_rs::fragment_assembler::FragmentAssembler;
use aeron_rs::utils::errors::AeronError;
use checked::{Arguments, CheckedStream, Progress, Verifier};
use std::cell::RefCell;
use std::ffi::CString;
use std::io::Read;

const FRAGMENT_LIMIT: i32 = 64;
const COUNTER_TYPE_ID: i32 = 1234;

fn main() {
    let arguments = Arguments::of_process();
    let mut context = Context::new();
    context.set_aeron_dir(arguments.text("dir").into());
    let mut aeron = Aeron::new(context).expect("a driver");
    match arguments.text("role") {
        "publisher" => publish(&mut aeron, &arguments),
        "subscriber" => subscribe(&mut aeron, &arguments),
        _ => count(&mut aeron),
    }
}

fn publish(aeron: &mut Aeron, arguments: &Arguments) {
    let (channel, stream_id) = (c_string(arguments.text("channel")), arguments.number("stream") as i32);
    let stream = CheckedStream::new(arguments, arguments.number("producer") as i32);
    let id = aeron.add_publication(channel, stream_id).expect("add publication");
    let publication = settle(|| aeron.find_publication(id));
    println!("READY");
    let mut progress = Progress::new("a subscriber");
    while !publication.lock().unwrap().is_connected() {
        progress.idle(false);
    }
    let mut message = Vec::new();
    for index in 0..stream.count {
        stream.message(index, &mut message);
        let buffer = AtomicBuffer::wrap_slice(&mut message);
        while publication.lock().unwrap().offer_part(buffer, 0, buffer.capacity()).is_err() {
            progress.idle(false);
        }
        progress.idle(true);
    }
}

fn subscribe(aeron: &mut Aeron, arguments: &Arguments) {
    let (channel, stream_id) = (c_string(arguments.text("channel")), arguments.number("stream") as i32);
    let id = aeron.add_subscription(channel, stream_id).expect("add subscription");
    let subscription = settle(|| aeron.find_subscription(id));
    println!("READY");
    let verifier = RefCell::new(Verifier::new(CheckedStream::new(arguments, 0)));
    let mut on_message = |buffer: &AtomicBuffer, offset: i32, length: i32, _header: &Header| {
        verifier.borrow_mut().on_message(&buffer.as_slice()[offset as usize..(offset + length) as usize]);
    };
    let mut assembler = FragmentAssembler::new(&mut on_message, None);
    let mut handler = assembler.handler();
    let mut progress = Progress::new("messages");
    while !verifier.borrow().is_complete() {
        progress.idle(subscription.lock().unwrap().poll(&mut handler, FRAGMENT_LIMIT) > 0);
    }
    verifier.borrow().print();
}

/// Makes a counter, prints all there are, and waits for the end of the input.
fn count(aeron: &mut Aeron) {
    let id = aeron.add_counter(COUNTER_TYPE_ID, &[1, 2, 3, 4], "made by the Rust client").expect("add counter");
    let _counter = settle(|| aeron.find_counter(id));
    aeron.counters_reader().expect("counters").for_each(|id, type_id, _key, label| {
        println!("{id} {type_id} {}", label.to_string_lossy());
    });
    println!("READY");
    let _ = std::io::stdin().read(&mut [0]);
}

/// What the driver has answered, once it has.
fn settle<T>(mut find: impl FnMut() -> Result<T, AeronError>) -> T {
    let mut progress = Progress::new("the driver");
    loop {
        if let Ok(found) = find() {
            return found;
        }
        progress.idle(false);
    }
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("no zero byte")
}
