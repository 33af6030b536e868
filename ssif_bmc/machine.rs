// SPDX-License-Identifier: GPL-2.0

//! The state machine of an SSIF target, from bus events to whole messages and back.
//!
//! Bus events, reads, writes and timeouts go in; answers for the bus controller and changes for
//! sleepers come out. Pure logic over `core`: no locks, no time, no allocation, no panic.
//!
//! Two things run side by side. The *transaction* follows the bus, from one start condition to the
//! next. The *exchange* follows the conversation: a whole request arrives, waits for its response,
//! and the response waits until the host has fetched it:
//!
//! ```text
//!         whole request            respond()
//!   Idle --------------> Requested ---------> Responding
//!    ^  ^    expire()        |                    |
//!    |  +--------------------+                    |
//!    +--------------------------------------------+
//!       last block fetched, or next request begins
//! ```
//!
//! While a request awaits its response, writes are answered with [`Busy`] and ignored, also those of
//! a controller that cannot refuse them; reads get zeros. Parts are collected apart from the request
//! that was delivered, so nothing on the bus can change a message that a reader has.
//!
//! Controllers differ in the events that they report for one and the same transaction. Some report
//! no [`write_requested`](Machine::write_requested) for a write that follows a write, so that a byte
//! after a stop begins a transaction too; some report it before the stop of the previous
//! transaction, so that it ends a part whose bytes are all there.

use super::protocol::{
    Block,
    Command,
    Message,
    Part,
    PartError,
    Pec,
    Progress,
    TooLong,
    BLOCK_MAX, //
};
use core::marker::PhantomData;

/// A write is refused: a request awaits its response. Controllers that can send a NACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// What an event means for those who wait for this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// A request arrived: readers may go on, and the time to respond begins.
    Requested,
    /// The response is gone, fetched by the host or displaced by its next request.
    ResponseGone,
}

/// Why a response is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RespondError {
    /// No request awaits a response: none arrived, or it was answered, or it has timed out.
    NoRequest,
    /// The response is empty or longer than a message.
    Length,
}

/// Why bytes of the host were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abort {
    /// A command that is none of SSIF's, or bytes behind one that takes none.
    Command,
    /// A part that is out of place, or a read of the next block before the first.
    Sequence,
    /// A part with more bytes than a block and its PEC.
    Overlong,
    /// A part whose number of bytes is not what its length byte says, or not allowed.
    Length,
    /// A part with a wrong packet error code.
    Pec,
    /// A message of more than 254 bytes.
    Message,
    /// A part that was not whole when another write began, or that a read broke off.
    Interrupted,
}

impl From<PartError> for Abort {
    fn from(error: PartError) -> Self {
        match error {
            PartError::Overlong => Self::Overlong,
            PartError::Length => Self::Length,
            PartError::Pec => Self::Pec,
        }
    }
}

/// How often what happened, since the machine exists. The counters wrap around.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Requests that arrived.
    pub(crate) requests: u32,
    /// Responses that the host fetched wholly.
    pub(crate) responses: u32,
    /// Responses that the next request displaced.
    pub(crate) displaced: u32,
    /// Requests that nobody answered in time.
    pub(crate) timeouts: u32,
    /// Writes that were ignored because a request awaited its response. One that a controller reports
    /// in pieces may count twice.
    pub(crate) busy: u32,
    /// What was dropped, by [`Abort`].
    pub(crate) commands: u32,
    pub(crate) sequence: u32,
    pub(crate) overlong: u32,
    pub(crate) length: u32,
    pub(crate) pec: u32,
    pub(crate) message: u32,
    pub(crate) interrupted: u32,
    /// The latest of these.
    pub(crate) last_abort: Option<Abort>,
}

impl Counters {
    fn aborted(&mut self, why: Abort) {
        count(match why {
            Abort::Command => &mut self.commands,
            Abort::Sequence => &mut self.sequence,
            Abort::Overlong => &mut self.overlong,
            Abort::Length => &mut self.length,
            Abort::Pec => &mut self.pec,
            Abort::Message => &mut self.message,
            Abort::Interrupted => &mut self.interrupted,
        });
        self.last_abort = Some(why);
    }
}

fn count(counter: &mut u32) {
    *counter = counter.wrapping_add(1);
}

/// Names one delivered request, so that a reader can return just the one that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u32);

/// Where the bus is between a start condition and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    /// Nothing is under way; a byte begins a write. A read command may have come just before, since
    /// some controllers report a stop at the repeated start between command and read.
    Idle(Option<Command>),
    /// The host addressed us for a write; the command comes next.
    Addressed,
    /// The command came; data or a read may follow.
    Commanded(Command),
    /// The host reads a block.
    Reading,
    /// The rest of this transaction means nothing.
    Ignored,
}

/// How far the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    /// Nothing is due from anyone.
    Idle,
    /// A request awaits its response; `unread` as long as nobody took it.
    Requested { unread: bool },
    /// A response awaits the host, who has got as far as `progress`.
    Responding { progress: Progress },
}

/// The target's side of SSIF on one address.
pub(crate) struct Machine<P> {
    transaction: Transaction,
    exchange: Exchange,
    /// The address as the first byte on the wire, with the read bit clear.
    address: u8,
    /// Whether the host protects its parts with a PEC, as its last valid part showed.
    pec: bool,
    /// Whether a first part came, so that further parts belong to something.
    assembling: bool,
    delivered: Ticket,
    counters: Counters,
    /// An abort that [`Self::take_abort`] has not told yet.
    fresh_abort: Option<Abort>,
    part: Part,
    block: Block,
    /// The parts so far; never seen by a reader.
    assembly: Message,
    request: Message,
    response: Message,
    _pec: PhantomData<P>,
}

impl<P: Pec> Machine<P> {
    /// Creates the machine for the target at the 7-bit address `address`.
    pub(crate) fn new(address: u8) -> Self {
        Self {
            // A transaction may be under way.
            transaction: Transaction::Ignored,
            exchange: Exchange::Idle,
            // CAST: a 7-bit address; the high bit is no part of it.
            address: address.wrapping_shl(1),
            pec: false,
            assembling: false,
            delivered: Ticket(0),
            counters: Counters::default(),
            fresh_abort: None,
            part: Part::EMPTY,
            block: Block::EMPTY,
            assembly: Message::EMPTY,
            request: Message::EMPTY,
            response: Message::EMPTY,
            _pec: PhantomData,
        }
    }

    // Bus events.

    /// The host addresses the target for a write.
    ///
    /// A part that is under way ends here if all its bytes are there, and is dropped otherwise.
    pub(crate) fn write_requested(&mut self) -> (Change, Result<(), Busy>) {
        let change = match self.transaction {
            Transaction::Commanded(command) if !command.is_read() && self.part.is_whole() => {
                self.end_part(command)
            }
            _ => {
                self.interrupt();
                self.end_read()
            }
        };
        self.begin_write();
        (change, self.busy())
    }

    /// The host wrote a byte. Only the first one of a transaction is a command.
    pub(crate) fn write_received(&mut self, byte: u8) -> (Change, Result<(), Busy>) {
        if let Transaction::Idle(_) = self.transaction {
            self.begin_write();
        }
        let mut change = Change::None;
        match self.transaction {
            Transaction::Addressed => match Command::try_from(byte) {
                Ok(command) => {
                    if command.starts_request() {
                        change = self.drop_response(|counters| &mut counters.displaced);
                        self.assembling = false;
                    }
                    self.part.clear();
                    self.transaction = Transaction::Commanded(command);
                }
                Err(()) => self.abort(Abort::Command),
            },
            Transaction::Commanded(command) if !command.is_read() => self.part.push(byte),
            Transaction::Commanded(_) => self.abort(Abort::Command),
            Transaction::Reading => self.transaction = Transaction::Ignored,
            Transaction::Idle(_) | Transaction::Ignored => {}
        }
        (change, self.busy())
    }

    /// The host begins to read. Returns the length of the block, or 0 if there is none.
    pub(crate) fn read_requested(&mut self) -> u8 {
        let command = match self.transaction {
            Transaction::Idle(Some(command)) => command,
            Transaction::Commanded(command) if command.is_read() => command,
            _ => {
                self.interrupt();
                self.transaction = Transaction::Ignored;
                return 0;
            }
        };

        self.transaction = Transaction::Ignored;
        if let Exchange::Responding { progress } = self.exchange {
            let message = self.response.as_slice();
            let block = &mut self.block;
            if let Some(()) = block.prepare::<P>(command, progress, message, self.address, self.pec)
            {
                self.transaction = Transaction::Reading;
                return block.len();
            }
            self.note(Abort::Sequence);
        }
        0
    }

    /// The controller took the previous byte. Returns the next one, or 0 if there is none.
    pub(crate) fn read_processed(&mut self) -> u8 {
        if self.transaction == Transaction::Reading {
            return self.block.next();
        }
        self.interrupt();
        self.transaction = Transaction::Ignored;
        0
    }

    /// The transaction is over.
    pub(crate) fn stop(&mut self) -> Change {
        let change = match self.transaction {
            Transaction::Commanded(command) if command.is_read() => {
                self.transaction = Transaction::Idle(Some(command));
                return Change::None;
            }
            // A second stop changes nothing.
            Transaction::Idle(_) => return Change::None,
            // The stop of an earlier transaction may come late, in the middle of this one. The bytes that
            // follow then are no command, and the host gets the rest of the block.
            Transaction::Commanded(command) if self.part.is_short() => {
                let change = self.end_part(command);
                self.transaction = Transaction::Ignored;
                return change;
            }
            Transaction::Reading if self.block.fetched().is_none() => return Change::None,
            Transaction::Commanded(command) => self.end_part(command),
            _ => self.end_read(),
        };
        self.transaction = Transaction::Idle(None);
        change
    }

    // The BMC's side.

    /// The request that nobody took yet.
    pub(crate) fn request(&self) -> Option<&[u8]> {
        matches!(self.exchange, Exchange::Requested { unread: true })
            .then(|| self.request.as_slice())
    }

    /// Takes the unread request: nobody else will see it.
    pub(crate) fn take_request(&mut self) -> Option<(Ticket, Message)> {
        self.request()?;
        self.exchange = Exchange::Requested { unread: false };
        Some((self.delivered, self.request.clone()))
    }

    /// Returns a request that was taken but could not be passed on. Tells whether it is to be had
    /// again: it is not when it was answered, timed out or followed by another one.
    pub(crate) fn put_back(&mut self, ticket: Ticket) -> bool {
        let live = self.delivered == ticket
            && matches!(self.exchange, Exchange::Requested { unread: false });
        if live {
            self.exchange = Exchange::Requested { unread: true };
        }
        live
    }

    /// Whether [`respond`](Self::respond) would take a response.
    pub(crate) fn can_respond(&self) -> bool {
        matches!(self.exchange, Exchange::Requested { .. })
    }

    /// Offers the response to the request, which need not have been read.
    pub(crate) fn respond(&mut self, response: &[u8]) -> Result<(), RespondError> {
        match self.exchange {
            Exchange::Requested { .. } => {}
            Exchange::Responding { .. } | Exchange::Idle => return Err(RespondError::NoRequest),
        }
        if response.is_empty() {
            return Err(RespondError::Length);
        }
        self.response
            .set(response)
            .map_err(|TooLong| RespondError::Length)?;
        self.exchange = Exchange::Responding {
            progress: Progress::Start,
        };
        Ok(())
    }

    /// The time to respond is over: the request is void, read or not. Tells whether one was.
    pub(crate) fn expire(&mut self) -> bool {
        let expired = self.can_respond();
        if expired {
            count(&mut self.counters.timeouts);
            self.exchange = Exchange::Idle;
        }
        expired
    }

    /// Why the latest event had bytes of the host dropped, if it did. Tells it once.
    pub(crate) fn take_abort(&mut self) -> Option<Abort> {
        self.fresh_abort.take()
    }

    /// What happened so far.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Where the conversation is, in a word.
    pub(crate) fn phase(&self) -> &'static str {
        match self.exchange {
            Exchange::Idle if self.assembling => "receiving",
            Exchange::Idle => "idle",
            Exchange::Requested { unread: true } => "requested",
            Exchange::Requested { unread: false } => "awaiting response",
            Exchange::Responding {
                progress: Progress::Start,
            } => "responding",
            Exchange::Responding { .. } => "response partly fetched",
        }
    }

    // Steps.

    fn busy(&self) -> Result<(), Busy> {
        match self.exchange {
            Exchange::Requested { .. } => Err(Busy),
            _ => Ok(()),
        }
    }

    /// Begins a write, which is ignored as long as a request awaits its response.
    fn begin_write(&mut self) {
        self.transaction = match self.exchange {
            Exchange::Requested { .. } => {
                count(&mut self.counters.busy);
                Transaction::Ignored
            }
            _ => Transaction::Addressed,
        };
    }

    fn note(&mut self, why: Abort) {
        self.counters.aborted(why);
        self.fresh_abort = Some(why);
    }

    /// Drops the transaction and all parts until the next request begins.
    fn abort(&mut self, why: Abort) {
        self.note(why);
        self.transaction = Transaction::Ignored;
        self.assembling = false;
    }

    /// Drops a part that is under way, and with it the message that it belongs to: the rest would be
    /// delivered without it.
    fn interrupt(&mut self) {
        if matches!(self.transaction, Transaction::Commanded(command) if !command.is_read()) {
            self.abort(Abort::Interrupted);
        }
    }

    /// Drops the response, if there is one, and counts that by `counter`.
    fn drop_response(&mut self, counter: fn(&mut Counters) -> &mut u32) -> Change {
        if let Exchange::Responding { .. } = self.exchange {
            count(counter(&mut self.counters));
            self.exchange = Exchange::Idle;
            return Change::ResponseGone;
        }
        Change::None
    }

    /// Ends a read, if one is under way. A block that went out only in part does not count: the
    /// host may ask for it again.
    fn end_read(&mut self) -> Change {
        if let (Transaction::Reading, Exchange::Responding { progress }, Some(then)) =
            (self.transaction, &mut self.exchange, self.block.fetched())
        {
            if then == Progress::Done {
                return self.drop_response(|counters| &mut counters.responses);
            }
            *progress = then;
        }
        Change::None
    }

    /// Ends the write of a part of a request.
    // Out of line, since once in a message: the events of single bytes are quicker without it.
    #[inline(never)]
    fn end_part(&mut self, command: Command) -> Change {
        match self.collect(command) {
            Ok(true) => {
                count(&mut self.counters.requests);
                self.assembling = false;
                self.request.clone_from(&self.assembly);
                self.delivered = Ticket(self.delivered.0.wrapping_add(1));
                self.exchange = Exchange::Requested { unread: true };
                Change::Requested
            }
            Ok(false) => Change::None,
            Err(why) => {
                self.abort(why);
                Change::None
            }
        }
    }

    /// Adds the part to the assembly, and tells whether it was the last one. Fails when it is wrong
    /// in itself, out of place, or too much for a message.
    fn collect(&mut self, command: Command) -> Result<bool, Abort> {
        let (data, pec) = self.part.parse::<P>(self.address, command)?;
        let (starts, last) = match (command, data.len()) {
            (Command::WriteSingle, 1..=BLOCK_MAX) => (true, true),
            (Command::WriteStart, BLOCK_MAX) => (true, false),
            (Command::WriteSingle | Command::WriteStart, _) => return Err(Abort::Length),
            // Hosts older than the command for the last part end with a short middle part, which is
            // empty after a message of whole blocks.
            (Command::WriteMiddle, len) if self.assembling => (false, len < BLOCK_MAX),
            (Command::WriteEnd, _) if self.assembling => (false, true),
            _ => return Err(Abort::Sequence),
        };

        self.pec = pec;
        if starts {
            self.assembling = true;
            self.assembly.clear();
        }
        self.assembly
            .extend(data)
            .map_err(|TooLong| Abort::Message)?;
        Ok(last)
    }
}
