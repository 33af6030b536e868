// SPDX-License-Identifier: GPL-2.0

//! What must come of the events so far: an independent, slow and simple model of an SSIF target.
//!
//! It keeps the raw bytes of the write under way and judges them when the write ends, by the rules
//! of IPMI 2.0, section 12; a response is cut into blocks at once. It shares nothing with the
//! machine but the types of its answers.

use crate::machine::{Abort, Busy, Change, RespondError};

/// The first byte of a write on the wire, for the 7-bit address 10h.
pub(crate) const WIRE_ADDRESS: u8 = 0x20;

pub(crate) const LONGEST_MESSAGE: usize = 254;
const LONGEST_PART: usize = 32;

/// The bytes of a write with a full part: command, length, data, packet error code.
const LONGEST_WRITE: usize = 1 + 1 + LONGEST_PART + 1;

/// CRC-8 with the polynomial x^8 + x^2 + x + 1, bit by bit.
pub(crate) const fn crc8(mut crc: u8, bytes: &[u8]) -> u8 {
    let mut index = 0;
    while index < bytes.len() {
        crc ^= bytes[index];
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ if crc & 0x80 != 0 { 0x07 } else { 0 };
            bit += 1;
        }
        index += 1;
    }
    crc
}

// The check value of CRC-8/SMBUS.
const _: () = assert!(crc8(0, b"123456789") == 0xf4);

/// The packet error code of a write of `bytes`, from the command on.
pub(crate) fn write_pec(bytes: &[u8]) -> u8 {
    crc8(crc8(0, &[WIRE_ADDRESS]), bytes)
}

type Answer = Result<(), Busy>;

/// The message from the host.
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    pub(crate) unread: bool,
    /// How many requests came before.
    pub(crate) serial: usize,
}

/// The message to the host.
pub(crate) struct Response {
    /// The data of each block.
    pub(crate) blocks: Vec<Vec<u8>>,
    /// How many of them the host has.
    pub(crate) fetched: usize,
}

/// A block that the host is reading.
pub(crate) struct Reading {
    pub(crate) number: usize,
    /// Data, and perhaps the packet error code.
    pub(crate) bytes: Vec<u8>,
    /// Bytes of data.
    pub(crate) len: usize,
    pub(crate) handed_out: usize,
}

impl Reading {
    /// The number of the block, and whether the host has all its data.
    pub(crate) fn progress(&self) -> (usize, bool) {
        (self.number, self.handed_out >= self.len)
    }
}

/// How a write ends.
enum End {
    Stop,
    /// The host addresses the target again; perhaps the stop is reported later.
    Address,
    /// The host begins to read.
    Read,
    /// The host goes on to read although it did not begin to.
    Other,
}

pub(crate) struct Model {
    /// Whether a transaction is under way. If none is, a byte begins a write.
    under_way: bool,
    /// The bytes that the host wrote in this transaction; none if it is no write, or was refused.
    write: Option<Vec<u8>>,
    /// The command of a read whose write has ended.
    command: Option<u8>,
    pub(crate) reading: Option<Reading>,
    /// The parts since the last valid start.
    parts: Option<Vec<u8>>,
    /// Whether the last part of the request had a packet error code.
    pec: bool,
    pub(crate) request: Option<Request>,
    pub(crate) response: Option<Response>,
    /// Why the latest event dropped bytes of the host.
    abort: Option<Abort>,
    // How often what happened.
    pub(crate) delivered: usize,
    pub(crate) fetched: usize,
    pub(crate) displaced: usize,
    pub(crate) expired: usize,
    pub(crate) refused: usize,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            // Nobody knows, so that bytes count after a stop or an address only.
            under_way: true,
            write: None,
            command: None,
            reading: None,
            parts: None,
            pec: false,
            request: None,
            response: None,
            abort: None,
            delivered: 0,
            fetched: 0,
            displaced: 0,
            expired: 0,
            refused: 0,
        }
    }
}

impl Model {
    // The bus.

    pub(crate) fn write_requested(&mut self) -> (Change, Answer) {
        let change = self.end(End::Address);
        self.begin_write();
        (change, self.busy())
    }

    pub(crate) fn write_received(&mut self, byte: u8) -> (Change, Answer) {
        if !self.under_way {
            self.begin_write();
        }
        let mut change = Change::None;
        match &mut self.write {
            Some(bytes) => {
                bytes.push(byte);
                match bytes[..] {
                    // A host that begins a request has no more use for the response.
                    [0x02 | 0x06] => {
                        self.parts = None;
                        if self.response.take().is_some() {
                            self.displaced += 1;
                            change = Change::ResponseGone;
                        }
                    }
                    [0x02 | 0x06 | 0x07 | 0x08, ..] | [0x03 | 0x09] => {}
                    // Not a command of SSIF, or data after a read command.
                    [_] | [0x03 | 0x09, _] => self.drop_parts(Abort::Command),
                    // More of the same.
                    _ => {}
                }
            }
            None => self.reading = None,
        }
        (change, self.busy())
    }

    pub(crate) fn read_requested(&mut self) -> u8 {
        self.end_write(End::Read);
        self.under_way = true;
        self.reading = None;
        let command = self.command.take();
        command
            .and_then(|command| self.begin_read(command))
            .unwrap_or(0)
    }

    pub(crate) fn read_processed(&mut self) -> u8 {
        self.end_write(End::Other);
        self.under_way = true;
        self.command = None;
        match &mut self.reading {
            Some(reading) => {
                let byte = reading.bytes.get(reading.handed_out).copied();
                reading.handed_out += 1;
                byte.unwrap_or(0)
            }
            None => 0,
        }
    }

    pub(crate) fn stop(&mut self) -> Change {
        // Bytes may follow a late stop of an earlier transaction: more of the part, which is void, or of
        // the block.
        let reads_on = self
            .reading
            .as_ref()
            .is_some_and(|reading| !reading.progress().1);
        if reads_on {
            return Change::None;
        }
        self.under_way = self.write.as_deref().is_some_and(is_short_part);
        self.end(End::Stop)
    }

    // The BMC.

    pub(crate) fn take_request(&mut self) -> Option<(usize, Vec<u8>)> {
        let request = self.request.as_mut().filter(|request| request.unread)?;
        request.unread = false;
        Some((request.serial, request.bytes.clone()))
    }

    pub(crate) fn put_back(&mut self, serial: usize) -> bool {
        match &mut self.request {
            Some(request) if request.serial == serial && !request.unread => {
                request.unread = true;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn respond(&mut self, bytes: &[u8]) -> Result<(), RespondError> {
        if self.request.is_none() {
            return Err(RespondError::NoRequest);
        }
        if bytes.is_empty() || bytes.len() > LONGEST_MESSAGE {
            return Err(RespondError::Length);
        }
        self.request = None;
        self.response = Some(Response {
            blocks: blocks(bytes),
            fetched: 0,
        });
        Ok(())
    }

    pub(crate) fn expire(&mut self) -> bool {
        let expired = self.request.take().is_some();
        self.expired += usize::from(expired);
        expired
    }

    // What the player and the invariants want to know.

    /// The request that nobody took.
    pub(crate) fn unread(&self) -> Option<&[u8]> {
        self.request
            .as_ref()
            .filter(|request| request.unread)
            .map(|request| &request.bytes[..])
    }

    /// Why the latest event dropped bytes of the host, if it did.
    pub(crate) fn take_abort(&mut self) -> Option<Abort> {
        self.abort.take()
    }

    /// Whether a transaction is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Whether a read would be for a block: its command has come.
    pub(crate) fn expects_read(&self) -> bool {
        self.command.is_some() || matches!(self.written(), [0x03 | 0x09])
    }

    /// The bytes that the host wrote in this transaction, if they count.
    pub(crate) fn written(&self) -> &[u8] {
        self.write.as_deref().unwrap_or(&[])
    }

    /// How many message bytes came in parts that want more.
    pub(crate) fn assembled(&self) -> usize {
        self.parts.as_ref().map_or(0, Vec::len)
    }

    /// Where the conversation is, in a word.
    pub(crate) fn phase(&self) -> &'static str {
        match (&self.request, &self.response, &self.parts) {
            (Some(request), _, _) if request.unread => "requested",
            (Some(_), _, _) => "awaiting response",
            (_, Some(response), _) if response.fetched > 0 => "response partly fetched",
            (_, Some(_), _) => "responding",
            (_, _, Some(_)) => "receiving",
            _ => "idle",
        }
    }

    /// How many states a transaction has.
    const TRANSACTIONS: usize = 15;

    /// How many values [`Self::state`] has.
    pub(crate) const STATES: usize = 6 * Self::TRANSACTIONS;

    /// Where the conversation and the transaction are, as a number.
    pub(crate) fn state(&self) -> usize {
        let phase = match self.phase() {
            "idle" => 0,
            "receiving" => 1,
            "requested" => 2,
            "awaiting response" => 3,
            "responding" => 4,
            _ => 5,
        };
        let transaction = match (self.write.as_deref(), self.command, &self.reading) {
            (Some([]), _, _) => 1,
            (Some([0x02, ..]), _, _) => 2,
            (Some([0x03]), _, _) => 3,
            (Some([0x06, ..]), _, _) => 4,
            (Some([0x07, ..]), _, _) => 5,
            (Some([0x08, ..]), _, _) => 6,
            (Some([0x09]), _, _) => 7,
            (Some(_), _, _) => 8,
            (_, Some(0x03), _) => 9,
            (_, Some(_), _) => 10,
            (_, _, Some(reading)) => match reading.progress() {
                (_, true) => 11,
                (0, false) => 12,
                (_, false) => 13,
            },
            // A transaction that is ignored.
            _ if self.under_way => 14,
            _ => 0,
        };
        phase * Self::TRANSACTIONS + transaction
    }

    /// Whether the host protects its messages.
    pub(crate) fn has_pec(&self) -> bool {
        self.pec
    }

    // The rules.

    fn busy(&self) -> Answer {
        match self.request {
            Some(_) => Err(Busy),
            None => Ok(()),
        }
    }

    /// A write begins, by its address or, where no transaction is under way, by its first byte.
    fn begin_write(&mut self) {
        self.under_way = true;
        self.command = None;
        self.write = self.request.is_none().then(Vec::new);
        self.refused += usize::from(self.request.is_some());
    }

    /// A transaction has ended, if one was under way.
    fn end(&mut self, end: End) -> Change {
        let before = self.delivered;
        self.end_write(end);
        match self.delivered == before {
            true => self.end_read(),
            false => Change::Requested,
        }
    }

    /// A write has ended, if one was under way: judges the bytes.
    fn end_write(&mut self, end: End) {
        let Some(bytes) = self.write.take() else {
            return;
        };
        match (&bytes[..], end) {
            // A read has to follow, but it is no fault if none does.
            ([command @ (0x03 | 0x09)], End::Stop | End::Read) => self.command = Some(*command),
            // A part of a request.
            ([0x02 | 0x06 | 0x07 | 0x08, ..], End::Stop) => self.end_part(&bytes),
            // All its bytes are there, so the stop is just late.
            ([0x02 | 0x06 | 0x07 | 0x08, len @ 0..=32, rest @ ..], End::Address)
                if [0, 1]
                    .map(|pec| usize::from(*len) + pec)
                    .contains(&rest.len()) =>
            {
                self.end_part(&bytes);
            }
            // Without one of its parts no message is whole.
            ([0x02 | 0x06 | 0x07 | 0x08, ..], _) => self.drop_parts(Abort::Interrupted),
            // An address alone, or a write that was wrong from its first bytes on.
            _ => {}
        }
    }

    fn drop_parts(&mut self, why: Abort) {
        self.parts = None;
        self.abort = Some(why);
    }

    /// A part of a request has come, from its command on.
    fn end_part(&mut self, bytes: &[u8]) {
        let parts = self.parts.take();
        let (data, pec) = match valid_part(bytes) {
            Ok(valid) => valid,
            Err(why) => return self.drop_parts(why),
        };
        let (mut message, whole) = match (bytes[0], data.len(), parts) {
            (0x02, 1.., _) => (Vec::new(), true),
            (0x06, LONGEST_PART, _) => (Vec::new(), false),
            (0x02 | 0x06, ..) => return self.drop_parts(Abort::Length),
            // Some hosts end with a short middle part.
            (0x07, len, Some(parts)) => (parts, len < LONGEST_PART),
            (0x08, _, Some(parts)) => (parts, true),
            _ => return self.drop_parts(Abort::Sequence),
        };
        message.extend(data);
        if message.len() > LONGEST_MESSAGE {
            return self.drop_parts(Abort::Message);
        }

        self.pec = pec;
        if whole {
            self.request = Some(Request {
                bytes: message,
                unread: true,
                serial: self.delivered,
            });
            self.delivered += 1;
        } else {
            self.parts = Some(message);
        }
    }

    /// The host asks for a block. Returns its length, if it can be had.
    fn begin_read(&mut self, command: u8) -> Option<u8> {
        let response = self.response.as_ref()?;
        // The first block may be asked for at any time, others in their order.
        let number = match (command, response.fetched) {
            (0x03, _) => 0,
            (_, 0) => {
                self.abort = Some(Abort::Sequence);
                return None;
            }
            (_, fetched) => fetched,
        };
        let data = &response.blocks[number];
        let len = data.len();

        let mut bytes = data.clone();
        if self.pec {
            let header = [WIRE_ADDRESS, command, WIRE_ADDRESS | 1, len as u8];
            bytes.push(crc8(crc8(0, &header), data));
        }
        self.reading = Some(Reading {
            number,
            bytes,
            len,
            handed_out: 0,
        });
        Some(len as u8)
    }

    /// A read has ended, if one was under way: a block of which all data went out is fetched.
    fn end_read(&mut self) -> Change {
        let (Some(reading), Some(response)) = (self.reading.take(), &mut self.response) else {
            return Change::None;
        };
        if let (number, true) = reading.progress() {
            response.fetched = number + 1;
            if response.fetched == response.blocks.len() {
                self.response = None;
                self.fetched += 1;
                return Change::ResponseGone;
            }
        }
        Change::None
    }
}

/// The data of a well-formed part, and whether a packet error code protects it.
pub(crate) fn valid_part(bytes: &[u8]) -> Result<(&[u8], bool), Abort> {
    if bytes.len() > LONGEST_WRITE {
        return Err(Abort::Overlong);
    }
    let [_command, len @ 0..=32, rest @ ..] = bytes else {
        return Err(Abort::Length);
    };
    let len = usize::from(*len);
    if rest.len() == len {
        return Ok((rest, false));
    }
    if rest.len() != len + 1 {
        return Err(Abort::Length);
    }
    if rest[len] != write_pec(&bytes[..2 + len]) {
        return Err(Abort::Pec);
    }
    Ok((&rest[..len], true))
}

/// Whether bytes of a part, from its command on, are missing.
fn is_short_part(bytes: &[u8]) -> bool {
    match bytes {
        [0x02 | 0x06 | 0x07 | 0x08] => true,
        [0x02 | 0x06 | 0x07 | 0x08, len @ 0..=32, data @ ..] => data.len() < usize::from(*len),
        _ => false,
    }
}

/// Cuts a response into what the host reads.
fn blocks(message: &[u8]) -> Vec<Vec<u8>> {
    if message.len() <= LONGEST_PART {
        return vec![message.to_vec()];
    }
    let (first, others) = message.split_at(30);
    let mut blocks = vec![[&[0x00, 0x01], first].concat()];
    let mut others = others.chunks(31).peekable();
    let mut number = 0;
    while let Some(data) = others.next() {
        let number_or_last = if others.peek().is_some() {
            number
        } else {
            0xff
        };
        blocks.push([&[number_or_last], data].concat());
        number += 1;
    }
    blocks
}
