//! The C functions this program calls, and no more around them than Rust asks for.

use crate::arguments::Arguments;
use rusteron_client::bindings as client;
use rusteron_media_driver::bindings as driver;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::{copy_nonoverlapping, null_mut};

pub const SEQUENCE_OFFSET: usize = 0;
pub const TIME_STAMP_OFFSET: usize = 8;

const FIRST_STREAM_ID: i32 = 1001;
/// One driver serves both directions of ipc, which need stream ids of their own.
const FIRST_IPC_ANSWER_STREAM_ID: i32 = 2001;
/// Below these a failed offer can be tried again.
const PUBLICATION_CLOSED: i64 = -4;

/// The driver and the client of this side.
pub struct Aeron {
    /// Null where the other side runs the only driver.
    driver: *mut driver::aeron_driver_t,
    client: *mut client::aeron_t,
    driver_start_ns: i64,
}

impl Aeron {
    pub fn start(arguments: &Arguments) -> Aeron {
        let shares_driver = arguments.is_ipc && arguments.side == 1;
        let driver_side = if shares_driver { 0 } else { arguments.side };
        let dir = c_string(&format!("{}/{driver_side}", arguments.folder));
        let start_ns = nano_clock();
        let driver = if shares_driver { null_mut() } else { start_driver(&dir, arguments) };
        let driver_start_ns = nano_clock() - start_ns;
        Aeron { driver, client: start_client(&dir), driver_start_ns }
    }

    /// How long the driver took to start; 0 where the other side runs it.
    pub fn driver_start_ns(&self) -> i64 {
        if self.driver.is_null() {
            0
        } else {
            self.driver_start_ns
        }
    }

    /// One duty cycle of the driver and one of the client's conductor.
    #[inline]
    pub fn do_work(&self) {
        unsafe {
            if !self.driver.is_null() {
                check(driver::aeron_driver_main_do_work(self.driver), "driver");
            }
            check(client::aeron_main_do_work(self.client), "client");
        }
    }

    /// The publications of this side, one a stream.
    pub fn add_publications(&self, arguments: &Arguments) -> Vec<Publication> {
        let channel = if arguments.is_ipc {
            format!("aeron:ipc?term-length={}", arguments.term_length)
        } else {
            format!(
                "aeron:udp?endpoint=127.0.0.1:{}|term-length={}|mtu={}",
                arguments.ports[1 - arguments.side],
                arguments.term_length,
                arguments.mtu
            )
        };
        let first_stream_id = first_stream_id(arguments, arguments.side);
        let stream_ids = first_stream_id..first_stream_id + arguments.streams as i32;
        stream_ids.map(|stream_id| self.add_publication(&channel, stream_id)).collect()
    }

    /// What the other side's publications arrive on.
    pub fn add_subscriptions(&self, arguments: &Arguments) -> Vec<*mut client::aeron_subscription_t> {
        let channel = if arguments.is_ipc {
            String::from("aeron:ipc")
        } else {
            format!("aeron:udp?endpoint=127.0.0.1:{}", arguments.ports[arguments.side])
        };
        let first_stream_id = first_stream_id(arguments, 1 - arguments.side);
        let stream_ids = first_stream_id..first_stream_id + arguments.streams as i32;
        stream_ids.map(|stream_id| self.add_subscription(&channel, stream_id)).collect()
    }

    fn add_publication(&self, channel: &str, stream_id: i32) -> Publication {
        let uri = c_string(channel);
        let mut addition = null_mut();
        let mut publication = null_mut();
        let mut constants = unsafe { std::mem::zeroed::<client::aeron_publication_constants_t>() };
        unsafe {
            let client = self.client;
            let code =
                client::aeron_async_add_exclusive_publication(&mut addition, client, uri.as_ptr(), stream_id);
            check(code, channel);
            self.await_addition(channel, || {
                client::aeron_async_add_exclusive_publication_poll(&mut publication, addition)
            });
            check(client::aeron_exclusive_publication_constants(publication, &mut constants), channel);
        }
        Publication { publication, max_payload_length: constants.max_payload_length }
    }

    fn add_subscription(&self, channel: &str, stream_id: i32) -> *mut client::aeron_subscription_t {
        let uri = c_string(channel);
        let mut addition = null_mut();
        let mut subscription = null_mut();
        unsafe {
            let code = client::aeron_async_add_subscription(
                &mut addition,
                self.client,
                uri.as_ptr(),
                stream_id,
                None,
                null_mut(),
                None,
                null_mut(),
            );
            check(code, channel);
            self.await_addition(channel, || {
                client::aeron_async_add_subscription_poll(&mut subscription, addition)
            });
        }
        subscription
    }

    fn await_addition(&self, channel: &str, mut poll: impl FnMut() -> c_int) {
        while check(poll(), channel) == 0 {
            self.do_work();
        }
    }
}

/// An exclusive publication.
pub struct Publication {
    publication: *mut client::aeron_exclusive_publication_t,
    max_payload_length: usize,
}

impl Publication {
    pub fn is_connected(&self) -> bool {
        unsafe { client::aeron_exclusive_publication_is_connected(self.publication) }
    }

    /// Whether `message`, stamped with these two, was taken.
    #[inline]
    pub fn offer(&self, message: &mut [u8], sequence: i64, time_stamp_ns: i64) -> bool {
        let position = if message.len() <= self.max_payload_length {
            self.claim(message, sequence, time_stamp_ns)
        } else {
            unsafe {
                stamp(message.as_mut_ptr(), sequence, time_stamp_ns);
                client::aeron_exclusive_publication_offer(
                    self.publication,
                    message.as_ptr(),
                    message.len(),
                    None,
                    null_mut(),
                )
            }
        };
        assert!(position > PUBLICATION_CLOSED, "offer: {position} {}", last_error());
        position > 0
    }

    #[inline]
    fn claim(&self, message: &[u8], sequence: i64, time_stamp_ns: i64) -> i64 {
        let length = message.len();
        unsafe {
            let mut claim = std::mem::zeroed::<client::aeron_buffer_claim_t>();
            let position =
                client::aeron_exclusive_publication_try_claim(self.publication, length, &mut claim);
            if position > 0 {
                copy_nonoverlapping(message.as_ptr(), claim.data, length);
                stamp(claim.data, sequence, time_stamp_ns);
                client::aeron_buffer_claim_commit(&mut claim);
            }
            position
        }
    }
}

#[inline]
unsafe fn stamp(message: *mut u8, sequence: i64, time_stamp_ns: i64) {
    message.add(SEQUENCE_OFFSET).cast::<i64>().write_unaligned(sequence.to_le());
    message.add(TIME_STAMP_OFFSET).cast::<i64>().write_unaligned(time_stamp_ns.to_le());
}

/// The 64 bits at `offset` of a received message.
#[inline]
pub unsafe fn read(message: *const u8, offset: usize) -> i64 {
    i64::from_le(message.add(offset).cast::<i64>().read_unaligned())
}

/// The monotonic clock that Aeron itself reads.
#[inline]
pub fn nano_clock() -> i64 {
    unsafe { client::aeron_nano_clock() }
}

pub fn version() -> String {
    unsafe {
        format!(
            "{}.{}.{}",
            client::aeron_version_major(),
            client::aeron_version_minor(),
            client::aeron_version_patch()
        )
    }
}

/// `code`, unless it is negative: Aeron's last error then ends this program.
#[inline]
pub fn check(code: c_int, what: &str) -> c_int {
    assert!(code >= 0, "{what}: {}", last_error());
    code
}

fn start_driver(dir: &CStr, arguments: &Arguments) -> *mut driver::aeron_driver_t {
    let mut context = null_mut();
    let mut started = null_mut();
    unsafe {
        let mode = driver::aeron_threading_mode_t::AERON_THREADING_MODE_INVOKER;
        let (window, socket_buffer) = (arguments.window_length, arguments.socket_buffer_length);
        check(driver::aeron_driver_context_init(&mut context), "driver context");
        check(driver::aeron_driver_context_set_dir(context, dir.as_ptr()), "driver dir");
        check(driver::aeron_driver_context_set_threading_mode(context, mode), "threading mode");
        check(driver::aeron_driver_context_set_mtu_length(context, arguments.mtu), "mtu");
        check(driver::aeron_driver_context_set_ipc_mtu_length(context, arguments.mtu), "ipc mtu");
        check(driver::aeron_driver_context_set_term_buffer_length(context, arguments.term_length), "term");
        check(driver::aeron_driver_context_set_rcv_initial_window_length(context, window), "window");
        check(driver::aeron_driver_context_set_socket_so_rcvbuf(context, socket_buffer), "so_rcvbuf");
        check(driver::aeron_driver_context_set_socket_so_sndbuf(context, socket_buffer), "so_sndbuf");
        check(driver::aeron_driver_init(&mut started, context), "driver init");
        check(driver::aeron_driver_start(started, true), "driver start");
    }
    started
}

fn start_client(dir: &CStr) -> *mut client::aeron_t {
    let mut context = null_mut();
    let mut started = null_mut();
    unsafe {
        check(client::aeron_context_init(&mut context), "client context");
        check(client::aeron_context_set_dir(context, dir.as_ptr()), "client dir");
        check(client::aeron_context_set_error_handler(context, Some(on_error), null_mut()), "error handler");
        check(client::aeron_context_set_use_conductor_agent_invoker(context, true), "client invoker");
        check(client::aeron_init(&mut started, context), "client init");
        check(client::aeron_start(started), "client start");
    }
    started
}

unsafe extern "C" fn on_error(_clientd: *mut c_void, code: c_int, message: *const c_char) {
    eprintln!("client: {code} {}", CStr::from_ptr(message).to_string_lossy());
    std::process::exit(1);
}

fn first_stream_id(arguments: &Arguments, publishing_side: usize) -> i32 {
    if arguments.is_ipc && publishing_side == 1 {
        FIRST_IPC_ANSWER_STREAM_ID
    } else {
        FIRST_STREAM_ID
    }
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("no zero byte")
}

#[cold]
fn last_error() -> String {
    unsafe { CStr::from_ptr(client::aeron_errmsg()).to_string_lossy().into_owned() }
}
