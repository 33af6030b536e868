// SPDX-License-Identifier: GPL-2.0

//! Does the steps of a script, each to the machine and to the model, and has them compared.

use crate::{
    invariants::{self, Outcome, View},
    machine::{Busy, Change, Machine, RespondError, Ticket},
    model::{crc8, write_pec, Model, WIRE_ADDRESS},
    protocol::Pec,
    reached::{Milestone, Reached, Was, Watcher},
    script::{steps, Amount, Step},
};
use std::io::{stdout, Write};

/// More steps tell nothing new, and take their time.
const STEPS_MAX: usize = 256;

/// More than any response has, that of a broken machine included.
const BLOCKS_MAX: usize = 16;

/// Packet error codes by the model's CRC.
pub(crate) struct SlowPec;

impl Pec for SlowPec {
    fn update(crc: u8, bytes: &[u8]) -> u8 {
        crc8(crc, bytes)
    }
}

/// What the bus reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Event {
    WriteRequested,
    WriteReceived(u8),
    ReadRequested,
    ReadProcessed,
    Stop,
}

impl Event {
    pub(crate) const KINDS: usize = 5;

    pub(crate) fn kind(self) -> usize {
        match self {
            Self::WriteRequested => 0,
            Self::WriteReceived(_) => 1,
            Self::ReadRequested => 2,
            Self::ReadProcessed => 3,
            Self::Stop => 4,
        }
    }
}

/// Reports an event to the machine or the model: both have the same functions.
macro_rules! report {
    ($to:expr, $event:expr) => {
        match $event {
            Event::WriteRequested => written($to.write_requested()),
            Event::WriteReceived(byte) => written($to.write_received(byte)),
            Event::ReadRequested => handed_out($to.read_requested()),
            Event::ReadProcessed => handed_out($to.read_processed()),
            Event::Stop => Outcome {
                change: $to.stop(),
                byte: None,
                refused: None,
            },
        }
    };
}

fn written((change, answer): (Change, Result<(), Busy>)) -> Outcome {
    Outcome {
        change,
        byte: None,
        refused: Some(answer == Err(Busy)),
    }
}

fn handed_out(byte: u8) -> Outcome {
    Outcome {
        change: Change::None,
        byte: Some(byte),
        refused: None,
    }
}

pub(crate) struct Player {
    machine: Machine<SlowPec>,
    model: Model,
    view: View,
    /// The tickets of all requests that were taken, and which ones that were.
    taken: Vec<(Ticket, usize)>,
    /// What the next message byte comes from.
    pattern: u8,
    print: bool,
    /// What the line that is being printed is about.
    line: Option<(&'static str, Outcome)>,
    watcher: Watcher,
}

impl Player {
    pub(crate) fn new(print: bool) -> Self {
        let mut machine = Machine::new(WIRE_ADDRESS >> 1);
        let view = View::of(&mut machine);
        Self {
            machine,
            model: Model::default(),
            view,
            taken: Vec::new(),
            pattern: 0,
            print,
            line: None,
            watcher: Watcher::default(),
        }
    }

    pub(crate) fn play(mut self, input: &[u8]) -> Reached {
        for (index, step) in steps(input).take(STEPS_MAX).enumerate() {
            if self.print {
                self.end_line();
                println!("{index}: {step:?}");
            }
            self.step(&step);
        }
        self.end_line();
        self.watcher.reached()
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Address => self.address(),
            Step::Byte(byte) => self.write(byte),
            Step::Pec => self.write(write_pec(self.model.written())),
            Step::Data(len) => self.data(len),
            Step::Read => drop(self.event(Event::ReadRequested)),
            Step::Next(count) => self.next(count),
            Step::Stop => self.stop(),
            Step::Part {
                address,
                command,
                len,
                pec,
                stop,
            } => {
                if address {
                    self.address();
                }
                self.part(command, len, pec, stop);
            }
            Step::Block {
                command,
                stop_between,
                stop,
                ref amount,
            } => drop(self.block(command, stop_between, stop, amount)),
            Step::Send {
                len,
                pec,
                short_middle,
            } => self.send(len, pec, short_middle),
            Step::Fetch { stop_between, stop } => self.fetch(stop_between, stop),
            Step::Expire => self.expire(),
            Step::Take => self.take(),
            Step::PutBack(which) => self.put_back(which),
            Step::Respond(len) => self.respond(len),
        }
    }

    // The host.

    fn address(&mut self) {
        self.event(Event::WriteRequested);
    }

    fn write(&mut self, byte: u8) {
        self.event(Event::WriteReceived(byte));
    }

    fn stop(&mut self) {
        self.event(Event::Stop);
    }

    fn data(&mut self, len: u8) {
        for _ in 0..len {
            let byte = self.message_byte();
            self.write(byte);
        }
    }

    fn next(&mut self, count: u8) {
        for _ in 0..count {
            self.event(Event::ReadProcessed);
        }
    }

    /// A part behind its address.
    fn part(&mut self, command: u8, len: u8, pec: bool, stop: bool) {
        self.write(command);
        self.write(len);
        // Just enough to see that more is too much.
        self.data(len.min(40));
        if pec {
            self.write(write_pec(self.model.written()));
        }
        if stop {
            self.stop();
        }
    }

    /// Returns the length and the first byte.
    fn block(&mut self, command: u8, stop_between: bool, stop: bool, amount: &Amount) -> (u8, u8) {
        self.address();
        self.write(command);
        if stop_between {
            self.stop();
        }
        let len = self.event(Event::ReadRequested).byte.unwrap_or(0);
        if stop_between && len > 0 {
            self.watcher.reach(Milestone::StopBetween);
        }
        let count = match *amount {
            Amount::Exactly(count) => count,
            Amount::Beyond(more) => len.saturating_add(more),
        };
        let mut first = 0;
        for index in 0..count {
            let byte = self.event(Event::ReadProcessed).byte.unwrap_or(0);
            if index == 0 {
                first = byte;
            }
        }
        if stop {
            self.stop();
        }
        (len, first)
    }

    fn send(&mut self, len: u16, pec: bool, short_middle: bool) {
        let mut parts = vec![32; usize::from(len / 32)];
        if len % 32 != 0 || len == 0 || short_middle {
            parts.push(len % 32);
        }
        let last = parts.len() - 1;
        for (index, len) in parts.into_iter().enumerate() {
            let command = match index {
                0 if last == 0 => 0x02,
                0 => 0x06,
                _ if index < last || short_middle => 0x07,
                _ => 0x08,
            };
            self.address();
            self.part(command, len as u8, pec, true);
        }
    }

    fn fetch(&mut self, stop_between: bool, stop: bool) {
        let whole = Amount::Beyond(1);
        let (len, first) = self.block(0x03, stop_between, stop, &whole);
        if len != 32 || first != 0 {
            return;
        }
        for _ in 0..BLOCKS_MAX {
            let (len, number) = self.block(0x09, stop_between, stop, &whole);
            if len == 0 || number == 0xff {
                return;
            }
        }
    }

    /// One event of the bus.
    fn event(&mut self, event: Event) -> Outcome {
        let outcome = report!(self.machine, event);
        self.log_event(event, outcome);

        let was = Was::of(&self.model);
        let expected = report!(self.model, event);
        let abort = self.model.take_abort();

        let now = View::of(&mut self.machine);
        invariants::after_event(&self.view, &now, outcome, expected, abort);
        self.now(now);
        self.watcher.note(event, outcome, abort, &was, &self.model);
        outcome
    }

    // The BMC.

    fn take(&mut self) {
        let taken = self.machine.take_request();
        let expected = self.model.take_request();
        let message = taken.as_ref().map(|taken| taken.1.as_slice());
        self.log(|| format!("take: {}", message.map_or("none".into(), hex)));

        let now = View::of(&mut self.machine);
        invariants::after_take(&self.view, &now, taken.as_ref(), expected.as_ref());
        self.now(now);
        if let (Some((ticket, _)), Some((serial, _))) = (taken, expected) {
            self.taken.push((ticket, serial));
            self.watcher.reach(Milestone::Taken);
        }
    }

    fn put_back(&mut self, which: u8) {
        let index = self.taken.len().checked_sub(1 + usize::from(which));
        let Some(&(ticket, serial)) = index.and_then(|index| self.taken.get(index)) else {
            return;
        };
        let back = self.machine.put_back(ticket);
        let expected = self.model.put_back(serial);
        self.log(|| format!("put back request {serial}: {back}"));

        let now = View::of(&mut self.machine);
        invariants::after_put_back(&self.view, &now, back, expected);
        self.now(now);
        self.watcher.reach(match &self.model.request {
            _ if back => Milestone::PutBack,
            Some(request) if !request.unread => Milestone::PutBackOther,
            _ => Milestone::PutBackLate,
        });
    }

    fn respond(&mut self, len: u16) {
        let response: Vec<_> = (0..len).map(|_| self.message_byte()).collect();
        let result = self.machine.respond(&response);
        let expected = self.model.respond(&response);
        self.log(|| format!("respond {}: {result:?}", hex(&response)));

        let now = View::of(&mut self.machine);
        invariants::after_respond(&self.view, &now, response.len(), result, expected);
        self.now(now);
        match result {
            Err(RespondError::Length) => self.watcher.reach(Milestone::WrongLength),
            Err(RespondError::NoRequest) if self.model.response.is_some() => {
                self.watcher.reach(Milestone::TooEarly);
            }
            _ => {}
        }
    }

    fn expire(&mut self) {
        let expired = self.machine.expire();
        let expected = self.model.expire();
        self.log(|| format!("expire: {expired}"));

        let now = View::of(&mut self.machine);
        invariants::after_expire(&self.view, &now, expired, expected);
        self.now(now);
        if expired {
            self.watcher.reach(Milestone::Expired);
        }
    }

    // Steps.

    fn now(&mut self, now: View) {
        invariants::always(&self.machine, &now, &self.model);
        self.view = now;
    }

    /// The next byte of a message: 251 in a row differ.
    fn message_byte(&mut self) -> u8 {
        self.pattern = (self.pattern + 1) % 251;
        self.pattern
    }

    // The printout.

    fn log(&mut self, line: impl FnOnce() -> String) {
        if self.print {
            self.end_line();
            println!("    {}", line());
        }
    }

    /// Bytes in a row that are answered alike share a line.
    fn log_event(&mut self, event: Event, outcome: Outcome) {
        if !self.print {
            return;
        }
        let (what, byte) = match event {
            Event::WriteRequested => ("address", None),
            Event::WriteReceived(byte) => ("write", Some(byte)),
            Event::ReadRequested => ("read, length", outcome.byte),
            Event::ReadProcessed => ("next", outcome.byte),
            Event::Stop => ("stop", None),
        };
        let line = Outcome {
            byte: None,
            ..outcome
        };
        if byte.is_none() || self.line != Some((what, line)) {
            self.end_line();
            print!("    {what}");
            match outcome.change {
                Change::None => {}
                change => print!(" ({change:?})"),
            }
            if outcome.refused == Some(true) {
                print!(" (Busy)");
            }
            self.line = Some((what, line));
        }
        if let Some(byte) = byte {
            print!(" {byte:02x}");
        }
        // A check may end it all.
        let _ = stdout().flush();
    }

    fn end_line(&mut self) {
        if self.line.take().is_some() {
            println!();
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}
