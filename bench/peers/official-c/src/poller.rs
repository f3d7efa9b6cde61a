use crate::aeron::check;
use crate::arguments::Arguments;
use rusteron_client::bindings::*;
use std::os::raw::c_void;
use std::ptr::null_mut;

const FRAGMENT_LIMIT: usize = 64;
const DATA_HEADER_LENGTH: usize = 32;

pub type Handler = unsafe extern "C-unwind" fn(*mut c_void, *const u8, usize, *mut aeron_header_t);

/// Polls one subscription a stream, each stream with a state of its own.
pub struct Poller {
    streams: Vec<PolledStream>,
    /// Where the next poll begins, so that a busy stream does not keep the others waiting.
    first: usize,
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
        Poller { streams: streams.collect(), first: 0 }
    }

    pub fn is_connected(&self) -> bool {
        self.streams.iter().all(|stream| unsafe { aeron_subscription_is_connected(stream.subscription) })
    }

    /// Hands out up to 64 fragments, and returns how many.
    #[inline]
    pub fn poll(&mut self) -> usize {
        let count = self.streams.len();
        let mut fragments = 0;
        let mut index = self.first;
        for _ in 0..count {
            let stream = &self.streams[index];
            fragments += unsafe {
                let limit = FRAGMENT_LIMIT - fragments;
                let polled =
                    aeron_subscription_poll(stream.subscription, Some(stream.handler), stream.clientd, limit);
                check(polled, "poll") as usize
            };
            index = if index + 1 == count { 0 } else { index + 1 };
            if fragments >= FRAGMENT_LIMIT {
                break;
            }
        }
        self.first = index;
        fragments
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
