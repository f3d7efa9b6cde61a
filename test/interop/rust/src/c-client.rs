//! The official C client: role=publisher|subscriber|counters dir= channel= stream= count= seed= maxLength= producer=.

mod checked;

use checked::{Arguments, CheckedStream, Progress, Verifier};
use rusteron_client::bindings::*;
use std::ffi::{CStr, CString};
use std::io::Read;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::null_mut;

const FRAGMENT_LIMIT: usize = 64;
/// Below these a failed offer can be tried again.
const PUBLICATION_CLOSED: i64 = -4;
const COUNTER_TYPE_ID: i32 = 1234;
const COUNTER_VALUE: i64 = 42;

fn main() {
    let arguments = Arguments::of_process();
    unsafe {
        let client = connect(arguments.text("dir"));
        match arguments.text("role") {
            "publisher" => publish(client, &arguments),
            "subscriber" => subscribe(client, &arguments),
            _ => count(client),
        }
        check(aeron_close(client), "close");
    }
}

unsafe fn connect(dir: &str) -> *mut aeron_t {
    let mut context = null_mut();
    let mut client = null_mut();
    check(aeron_context_init(&mut context), "context");
    check(aeron_context_set_dir(context, c_string(dir).as_ptr()), "dir");
    check(aeron_init(&mut client, context), "init");
    check(aeron_start(client), "start");
    client
}

unsafe fn publish(client: *mut aeron_t, arguments: &Arguments) {
    let (channel, stream_id) = (c_string(arguments.text("channel")), arguments.number("stream") as i32);
    let stream = CheckedStream::new(arguments, arguments.number("producer") as i32);
    let mut addition = null_mut();
    let mut publication = null_mut();
    let code = aeron_async_add_publication(&mut addition, client, channel.as_ptr(), stream_id);
    check(code, "add publication");
    settle(|| aeron_async_add_publication_poll(&mut publication, addition));
    println!("READY");
    let mut progress = Progress::new("a subscriber");
    while !aeron_publication_is_connected(publication) {
        progress.idle(false);
    }
    let mut message = Vec::new();
    for index in 0..stream.count {
        stream.message(index, &mut message);
        let (bytes, length) = (message.as_ptr(), message.len());
        loop {
            let position = aeron_publication_offer(publication, bytes, length, None, null_mut());
            assert!(position > PUBLICATION_CLOSED, "offer: {position} {}", last_error());
            progress.idle(position > 0);
            if position > 0 {
                break;
            }
        }
    }
    check(aeron_publication_close(publication, None, null_mut()), "close the publication");
}

unsafe fn subscribe(client: *mut aeron_t, arguments: &Arguments) {
    let (channel, stream_id) = (c_string(arguments.text("channel")), arguments.number("stream") as i32);
    let mut addition = null_mut();
    let mut subscription = null_mut();
    let mut assembler = null_mut();
    let mut verifier = Verifier::new(CheckedStream::new(arguments, 0));
    let code = aeron_async_add_subscription(
        &mut addition,
        client,
        channel.as_ptr(),
        stream_id,
        None,
        null_mut(),
        None,
        null_mut(),
    );
    check(code, "add subscription");
    settle(|| aeron_async_add_subscription_poll(&mut subscription, addition));
    let delegate = (&raw mut verifier).cast();
    check(aeron_fragment_assembler_create(&mut assembler, Some(on_message), delegate), "assembler");
    println!("READY");
    let mut progress = Progress::new("messages");
    while !verifier.is_complete() {
        let fragments =
            aeron_subscription_poll(subscription, Some(assemble), assembler.cast(), FRAGMENT_LIMIT);
        progress.idle(check(fragments, "poll") > 0);
    }
    verifier.print();
}

unsafe extern "C-unwind" fn assemble(
    assembler: *mut c_void,
    bytes: *const u8,
    length: usize,
    header: *mut aeron_header_t,
) {
    aeron_fragment_assembler_handler(assembler, bytes, length, header);
}

unsafe extern "C-unwind" fn on_message(
    verifier: *mut c_void,
    bytes: *const u8,
    length: usize,
    _header: *mut aeron_header_t,
) {
    (*verifier.cast::<Verifier>()).on_message(std::slice::from_raw_parts(bytes, length));
}

/// Makes a counter, prints all there are, and waits for the end of the input.
unsafe fn count(client: *mut aeron_t) {
    let (label, key) = (c_string("made by the C client"), [1u8, 2, 3, 4]);
    let mut addition = null_mut();
    let mut counter = null_mut();
    let code = aeron_async_add_counter(
        &mut addition,
        client,
        COUNTER_TYPE_ID,
        key.as_ptr(),
        key.len(),
        label.as_ptr(),
        label.as_bytes().len(),
    );
    check(code, "add counter");
    settle(|| aeron_async_add_counter_poll(&mut counter, addition));
    aeron_counter_addr(counter).write_volatile(COUNTER_VALUE);
    aeron_counters_reader_foreach_counter(aeron_counters_reader(client), Some(print_counter), null_mut());
    println!("READY");
    let _ = std::io::stdin().read(&mut [0]);
}

unsafe extern "C" fn print_counter(
    _value: i64,
    id: i32,
    type_id: i32,
    _key: *const u8,
    _key_length: usize,
    label: *const c_char,
    length: usize,
    _clientd: *mut c_void,
) {
    let label = std::slice::from_raw_parts(label.cast::<u8>(), length);
    println!("{id} {type_id} {}", String::from_utf8_lossy(label));
}

fn settle(mut poll: impl FnMut() -> c_int) {
    let mut progress = Progress::new("the driver");
    while check(poll(), "the driver's answer") == 0 {
        progress.idle(false);
    }
}

fn check(code: c_int, what: &str) -> c_int {
    assert!(code >= 0, "{what}: {}", last_error());
    code
}

fn last_error() -> String {
    unsafe { CStr::from_ptr(aeron_errmsg()).to_string_lossy().into_owned() }
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("no zero byte")
}
