use crate::aeron::check;
use crate::arguments::Arguments;
use rusteron_client::bindings::*;
use std::cell::Cell;
use std::os::raw::c_void;
use std::ptr::null_mut;

const FRAGMENT_LIMIT: usize = 64;
const DATA_HEADER_LENGTH: usize = 32;

pub type Handler = unsafe extern "C-unwind" fn(*mut c_void, *const u8, usize, *mut aeron_header_t);

/// Polls one subscription a stream, each stream with a state of its own.
pub struct Poller {
    streams: Vec<PolledStream>,
    next: Cell<usize>,
}

struct PolledStream {
    subscription: *mut aeron_subscription_t,
    handler: Handler,
    clientd: *mut c_void,
}

impl Poller {
    /// `handler` is called with the state of the message's stream. The states live as long as this program.
    pub fn new<S>(
        subscriptions: Vec<*mut aeron_subscription_t>,
        arguments: &Arguments,
        handler: Handler,
        state: impl Fn(usize) -> S,
    ) -> Poller {
        let is_fragmented = arguments.message_length > arguments.mtu - DATA_HEADER_LENGTH;
        let streams = subscriptions.into_iter().enumerate().map(|(index, subscription)| {
            let clientd = Box::into_raw(Box::new(state(index))).cast::<c_void>();
            if is_fragmented {
                assembled(subscription, handler, clientd)
            } else {
                PolledStream { subscription, handler, clientd }
            }
        });
        Poller { streams: streams.collect(), next: Cell::new(0) }
    }

    pub fn is_connected(&self) -> bool {
        self.streams.iter().all(|stream| unsafe { aeron_subscription_is_connected(stream.subscription) })
    }

    /// Hands out fragments of the streams in turn: up to 64, or until every stream had its turn.
    #[inline]
    pub fn poll(&self) {
        let mut left = FRAGMENT_LIMIT;
        for _ in 0..self.streams.len() {
            let next = self.next.get();
            let stream = &self.streams[next];
            self.next.set(if next + 1 == self.streams.len() { 0 } else { next + 1 });
            let handler = Some(stream.handler);
            let fragments =
                unsafe { aeron_subscription_poll(stream.subscription, handler, stream.clientd, left) };
            left -= check(fragments, "poll") as usize;
            if left == 0 {
                break;
            }
        }
    }
}

fn assembled(
    subscription: *mut aeron_subscription_t,
    handler: Handler,
    clientd: *mut c_void,
) -> PolledStream {
    let mut assembler = null_mut();
    unsafe {
        check(aeron_fragment_assembler_create(&mut assembler, Some(handler), clientd), "assembler");
    }
    PolledStream { subscription, handler: on_fragment, clientd: assembler.cast() }
}

unsafe extern "C-unwind" fn on_fragment(
    assembler: *mut c_void,
    buffer: *const u8,
    length: usize,
    header: *mut aeron_header_t,
) {
    aeron_fragment_assembler_handler(assembler, buffer, length, header);
}
