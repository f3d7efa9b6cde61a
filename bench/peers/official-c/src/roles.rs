use crate::aeron::{nano_clock, read, Aeron, Publication, SEQUENCE_OFFSET, TIME_STAMP_OFFSET};
use crate::arguments::Arguments;
use crate::histogram::Histogram;
use crate::poller::Poller;
use crate::report::{self, Window};
use rusteron_client::bindings::aeron_header_t;
use std::cell::{Cell, RefCell};
use std::os::raw::c_void;

const OFFERS_LIMIT: usize = 64;
const SAMPLE_NS: i64 = 100_000_000;
const NS_PER_SECOND: i64 = 1_000_000_000;
const FILL: u8 = 0x5a;

/// Publishes without end, as fast as offers are taken.
pub fn publish(arguments: &Arguments) {
    let aeron = Aeron::start(arguments);
    let mut sender = Sender::new(&aeron, arguments);
    report::ready();
    loop {
        aeron.do_work();
        for _ in 0..OFFERS_LIMIT {
            if !sender.offer(0) {
                break;
            }
        }
    }
}

/// Counts what `publish` sends.
pub fn count(arguments: &Arguments) {
    let aeron = Aeron::start(arguments);
    let counts: &'static Counts = Box::leak(Box::default());
    let poller = Poller::new(aeron.add_subscriptions(arguments), arguments, on_counted, |_| CountedStream {
        next_sequence: 0,
        counts,
    });
    report::ready();

    while counts.messages.get() == 0 {
        aeron.do_work();
        poller.poll();
    }
    let start_ns = nano_clock();
    let mut samples: Vec<i64> = Vec::with_capacity(1024);
    let mut sampled_messages = 0;
    let mut count_until = |end_ns: i64| loop {
        aeron.do_work();
        poller.poll();
        let now_ns = nano_clock();
        while now_ns - start_ns >= (samples.len() as i64 + 1) * SAMPLE_NS {
            samples.push(counts.messages.get() - sampled_messages);
            sampled_messages = counts.messages.get();
        }
        if now_ns >= end_ns {
            return now_ns;
        }
    };

    let window_ns = count_until(start_ns + arguments.warm_up_ns);
    let before = counts.clone();
    report::window();
    let end_ns = count_until(window_ns + arguments.duration_ns);
    let window = Window {
        messages: counts.messages.get() - before.messages.get(),
        elapsed_ns: end_ns - window_ns,
        lost: counts.lost.get() - before.lost.get(),
        driver_start_ns: aeron.driver_start_ns(),
    };
    report::counted(&window, &samples);
    await_signal();
}

/// Measures round trips to `echo`.
pub fn ping(arguments: &Arguments) {
    let aeron = Aeron::start(arguments);
    let mut sender = Sender::new(&aeron, arguments);
    let trips: &'static RoundTrips = Box::leak(Box::default());
    let poller = Poller::new(aeron.add_subscriptions(arguments), arguments, on_answer, |_| PingedStream {
        next_sequence: 0,
        trips,
    });
    report::ready();
    while !(sender.is_connected() && poller.is_connected()) {
        aeron.do_work();
    }

    let start_ns = nano_clock();
    let mut ping_until = |end_ns: i64| loop {
        aeron.do_work();
        poller.poll();
        let now_ns = nano_clock();
        if arguments.rate == 0 {
            if sender.sent == trips.answers.get() {
                sender.offer(now_ns);
            }
        } else {
            sender.offer_due(start_ns, arguments.rate, now_ns);
        }
        if now_ns >= end_ns {
            return now_ns;
        }
    };

    let window_ns = ping_until(start_ns + arguments.warm_up_ns);
    trips.histogram.clear();
    trips.lost.set(0);
    report::window();
    let end_ns = ping_until(window_ns + arguments.duration_ns);
    let window = Window {
        messages: trips.histogram.total() as i64,
        elapsed_ns: end_ns - window_ns,
        lost: trips.lost.get(),
        driver_start_ns: aeron.driver_start_ns(),
    };
    report::pinged(&window, &trips.histogram);
    await_signal();
}

/// Answers each message of `ping` on the stream it came from, with its sequence number and its time stamp.
pub fn echo(arguments: &Arguments) {
    let aeron = Aeron::start(arguments);
    let publications = aeron.add_publications(arguments);
    let answers: &'static RefCell<Vec<Answer>> = Box::leak(Box::new(RefCell::new(Vec::with_capacity(64))));
    let poller = Poller::new(aeron.add_subscriptions(arguments), arguments, on_ping, |stream| EchoedStream {
        stream,
        answers,
    });
    let mut message = vec![FILL; arguments.message_length];
    let mut offered = 0;
    report::ready();
    loop {
        aeron.do_work();
        if answers.borrow().is_empty() {
            poller.poll();
        }
        let mut answers = answers.borrow_mut();
        while offered < answers.len() {
            let answer = &answers[offered];
            if !publications[answer.stream].offer(&mut message, answer.sequence, answer.time_stamp_ns) {
                break;
            }
            offered += 1;
        }
        if offered == answers.len() {
            answers.clear();
            offered = 0;
        }
    }
}

/// Sends message i on stream i % streams, with the sequence number i / streams.
struct Sender {
    publications: Vec<Publication>,
    message: Vec<u8>,
    stream: usize,
    sequence: i64,
    sent: i64,
}

impl Sender {
    fn new(aeron: &Aeron, arguments: &Arguments) -> Sender {
        Sender {
            publications: aeron.add_publications(arguments),
            message: vec![FILL; arguments.message_length],
            stream: 0,
            sequence: 0,
            sent: 0,
        }
    }

    fn is_connected(&self) -> bool {
        self.publications.iter().all(Publication::is_connected)
    }

    /// Whether the next message was taken.
    #[inline]
    fn offer(&mut self, time_stamp_ns: i64) -> bool {
        if !self.publications[self.stream].offer(&mut self.message, self.sequence, time_stamp_ns) {
            return false;
        }
        self.sent += 1;
        self.stream += 1;
        if self.stream == self.publications.len() {
            self.stream = 0;
            self.sequence += 1;
        }
        true
    }

    /// Sends what the schedule asks for by now, stamped with the time at which it was due.
    #[inline]
    fn offer_due(&mut self, start_ns: i64, rate: i64, now_ns: i64) {
        for _ in 0..OFFERS_LIMIT {
            let due_ns = start_ns + due_offset_ns(self.sent, rate);
            if due_ns > now_ns || !self.offer(due_ns) {
                break;
            }
        }
    }
}

/// Whole seconds apart, so that nothing overflows.
#[inline]
fn due_offset_ns(index: i64, rate: i64) -> i64 {
    index / rate * NS_PER_SECOND + index % rate * NS_PER_SECOND / rate
}

#[derive(Clone, Default)]
struct Counts {
    messages: Cell<i64>,
    lost: Cell<i64>,
}

struct CountedStream {
    next_sequence: i64,
    counts: &'static Counts,
}

unsafe extern "C-unwind" fn on_counted(
    clientd: *mut c_void,
    buffer: *const u8,
    _length: usize,
    _header: *mut aeron_header_t,
) {
    let stream = &mut *clientd.cast::<CountedStream>();
    let counts = stream.counts;
    let sequence = read(buffer, SEQUENCE_OFFSET);
    counts.lost.set(counts.lost.get() + sequence - stream.next_sequence);
    stream.next_sequence = sequence + 1;
    counts.messages.set(counts.messages.get() + 1);
}

#[derive(Default)]
struct RoundTrips {
    histogram: Histogram,
    answers: Cell<i64>,
    lost: Cell<i64>,
}

struct PingedStream {
    next_sequence: i64,
    trips: &'static RoundTrips,
}

unsafe extern "C-unwind" fn on_answer(
    clientd: *mut c_void,
    buffer: *const u8,
    _length: usize,
    _header: *mut aeron_header_t,
) {
    let stream = &mut *clientd.cast::<PingedStream>();
    let trips = stream.trips;
    let sequence = read(buffer, SEQUENCE_OFFSET);
    trips.lost.set(trips.lost.get() + sequence - stream.next_sequence);
    stream.next_sequence = sequence + 1;
    trips.answers.set(trips.answers.get() + 1);
    trips.histogram.record(nano_clock() - read(buffer, TIME_STAMP_OFFSET));
}

struct Answer {
    stream: usize,
    sequence: i64,
    time_stamp_ns: i64,
}

struct EchoedStream {
    stream: usize,
    answers: &'static RefCell<Vec<Answer>>,
}

unsafe extern "C-unwind" fn on_ping(
    clientd: *mut c_void,
    buffer: *const u8,
    _length: usize,
    _header: *mut aeron_header_t,
) {
    let stream = &*clientd.cast::<EchoedStream>();
    stream.answers.borrow_mut().push(Answer {
        stream: stream.stream,
        sequence: read(buffer, SEQUENCE_OFFSET),
        time_stamp_ns: read(buffer, TIME_STAMP_OFFSET),
    });
}

/// The other side and the reader of the result decide when this program ends.
fn await_signal() {
    loop {
        std::thread::park();
    }
}
