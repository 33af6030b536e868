// SPDX-License-Identifier: GPL-2.0

//! A host and its bus, for tests: transactions become events of the machine.

use crate::{
    machine::{Busy, Change, Machine},
    protocol::Pec,
};

/// The 7-bit address that all tests use.
pub const ADDRESS: u8 = 0x10;

/// Packet error codes by the crc crate, which knows nothing of the kernel's function.
pub struct CrcPec;

impl Pec for CrcPec {
    fn update(crc: u8, bytes: &[u8]) -> u8 {
        let smbus = crc::Crc::<u8>::new(&crc::CRC_8_SMBUS);
        let mut digest = smbus.digest_with_initial(crc);
        digest.update(bytes);
        digest.finalize()
    }
}

pub type TestMachine = Machine<CrcPec>;

/// A machine in its first state.
pub fn machine() -> TestMachine {
    Machine::new(ADDRESS)
}

/// The PEC of a block write: address, command, length, data.
pub fn write_pec(command: u8, data: &[u8]) -> u8 {
    let mut bytes = vec![ADDRESS << 1, command, data.len() as u8];
    bytes.extend(data);
    CrcPec::update(0, &bytes)
}

/// The PEC of a block read: address, command, address with the read bit, length, data.
pub fn read_pec(command: u8, data: &[u8]) -> u8 {
    let mut bytes = vec![ADDRESS << 1, command, ADDRESS << 1 | 1, data.len() as u8];
    bytes.extend(data);
    CrcPec::update(0, &bytes)
}

/// The bytes of a block write from the command on, with a PEC if `pec` says so.
pub fn part(command: u8, data: &[u8], pec: bool) -> Vec<u8> {
    let mut bytes = vec![command, data.len() as u8];
    bytes.extend(data);
    bytes.extend(pec.then(|| write_pec(command, data)));
    bytes
}

/// The parts of `message` as hosts write them, each from its command on.
pub fn parts(message: &[u8], pec: bool) -> Vec<Vec<u8>> {
    if message.len() <= 32 {
        return vec![part(0x02, message, pec)];
    }
    let count = message.len().div_ceil(32);
    let command = |index| match index {
        0 => 0x06,
        _ if index + 1 == count => 0x08,
        _ => 0x07,
    };
    let parts = message.chunks(32).enumerate();
    parts
        .map(|(index, data)| part(command(index), data, pec))
        .collect()
}

/// Writes `bytes` without an address and without a stop, as far as the target takes them.
pub fn write_bytes(machine: &mut TestMachine, bytes: &[u8]) -> Result<(), Busy> {
    bytes
        .iter()
        .try_for_each(|byte| machine.write_received(*byte).1)
}

/// Writes `bytes` after the address, without a stop, as far as the target takes them.
pub fn raw_write(machine: &mut TestMachine, bytes: &[u8]) -> Result<(), Busy> {
    machine.write_requested().1?;
    write_bytes(machine, bytes)
}

/// A block write with a stop. Returns the change that the stop caused.
pub fn write(machine: &mut TestMachine, command: u8, data: &[u8]) -> Change {
    let _ = raw_write(machine, &part(command, data, false));
    machine.stop()
}

/// A block write with a PEC and a stop.
pub fn write_with_pec(machine: &mut TestMachine, command: u8, data: &[u8]) -> Change {
    let _ = raw_write(machine, &part(command, data, true));
    machine.stop()
}

/// How a controller reports the repeated start of a read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RepeatedStart {
    Silent,
    Stop,
}

/// The read phase of a block read, with `extra` bytes after the data; no stop.
pub fn read_block(machine: &mut TestMachine, extra: usize) -> Vec<u8> {
    let len = machine.read_requested();
    (0..usize::from(len) + extra)
        .map(|_| machine.read_processed())
        .collect()
}

/// A block read with `extra` bytes after the data; no stop.
pub fn begin_read(
    machine: &mut TestMachine,
    command: u8,
    extra: usize,
    repeated: RepeatedStart,
) -> Result<Vec<u8>, Busy> {
    raw_write(machine, &[command])?;
    if repeated == RepeatedStart::Stop {
        machine.stop();
    }
    Ok(read_block(machine, extra))
}

/// A whole block read. Returns the data, which is empty if the target has none.
pub fn read(machine: &mut TestMachine, command: u8) -> Result<Vec<u8>, Busy> {
    let data = begin_read(machine, command, 0, RepeatedStart::Silent);
    machine.stop();
    data
}

/// Sends `message` as hosts do, in one part or several. Returns the change that the last stop caused.
pub fn send(machine: &mut TestMachine, message: &[u8], pec: bool) -> Change {
    let mut change = Change::None;
    for part in parts(message, pec) {
        let _ = raw_write(machine, &part);
        change = machine.stop();
    }
    change
}

/// Joins the blocks of a response, which `read` reads by their commands.
fn join<E>(mut read: impl FnMut(u8) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
    let first = read(0x03)?;
    // The first of several blocks is a full one. A short response may begin with the same bytes.
    let several = first.len() == 32;
    let Some(mut message) = first
        .strip_prefix(&[0, 1])
        .filter(|_| several)
        .map(<[u8]>::to_vec)
    else {
        return Ok(first);
    };
    for number in 0.. {
        let block = read(0x09)?;
        message.extend(&block[1..]);
        if block[0] == 0xff {
            break;
        }
        assert_eq!((block[0], block.len()), (number, 32));
    }
    Ok(message)
}

/// Fetches a response as hosts do, in one block or several. It is empty if the target has none.
pub fn fetch(machine: &mut TestMachine) -> Result<Vec<u8>, Busy> {
    join(|command| read(machine, command))
}

/// The events that a controller reports and others do not, or not then.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// `write_requested` comes only for the first of several writes without a read between them.
    pub address_once: bool,
    /// `write_requested` comes twice.
    pub address_twice: bool,
    /// A repeated start is reported as a stop.
    pub stop_at_repeated_start: bool,
    /// Every stop comes twice.
    pub stop_twice: bool,
    /// For each transaction in turn, whether its stop comes only after the next address. The list
    /// starts again at its end.
    pub late_stops: Vec<bool>,
}

/// A controller with habits. It cannot refuse a write.
pub struct Controller {
    pub machine: TestMachine,
    habits: Habits,
    transactions: usize,
    /// The host wrote last.
    writing: bool,
    /// The stop of the previous transaction has not been reported.
    stop_is_due: bool,
}

impl Controller {
    pub fn new(habits: Habits) -> Self {
        Self {
            machine: machine(),
            habits,
            transactions: 0,
            writing: false,
            stop_is_due: false,
        }
    }

    fn stop(&mut self) {
        self.machine.stop();
        if self.habits.stop_twice {
            self.machine.stop();
        }
    }

    fn begin_write(&mut self, bytes: &[u8]) {
        let times = match &self.habits {
            habits if habits.address_once && self.writing => 0,
            habits if habits.address_twice => 2,
            _ => 1,
        };
        self.writing = true;
        for _ in 0..times {
            let _ = self.machine.write_requested();
        }
        if std::mem::take(&mut self.stop_is_due) {
            self.stop();
        }
        for byte in bytes {
            let _ = self.machine.write_received(*byte);
        }
    }

    fn end(&mut self) {
        let late = self.habits.late_stops.iter().cycle().nth(self.transactions);
        self.transactions += 1;
        self.stop_is_due = late.is_some_and(|late| *late);
        if !self.stop_is_due {
            self.stop();
        }
    }

    /// A whole write.
    pub fn write(&mut self, bytes: &[u8]) {
        self.begin_write(bytes);
        self.end();
    }

    /// A whole block read. Returns the data, which is empty if the target has none.
    pub fn read(&mut self, command: u8) -> Vec<u8> {
        self.begin_write(&[command]);
        if self.habits.stop_at_repeated_start {
            self.stop();
        }
        self.writing = false;
        let data = read_block(&mut self.machine, 0);
        self.end();
        data
    }

    /// Sends `message` as hosts do. A late stop makes the host poll once for the response before the
    /// request arrives.
    pub fn send(&mut self, message: &[u8], pec: bool) {
        for part in parts(message, pec) {
            self.write(&part);
        }
        if self.stop_is_due {
            assert_eq!(self.machine.request(), None);
            assert_eq!(self.read(0x03), []);
        }
    }

    /// Fetches a response as hosts do. It is empty if the target has none.
    pub fn fetch(&mut self) -> Vec<u8> {
        let Ok(message) = join(|command| Ok::<_, core::convert::Infallible>(self.read(command)));
        message
    }
}

/// Brings a fresh request to the machine and has the daemon answer it.
pub fn respond(machine: &mut TestMachine, response: &[u8]) {
    assert_eq!(send(machine, &[0x18, 0x01], false), Change::Requested);
    machine.respond(response).unwrap();
}

/// `len` bytes that differ from their neighbours.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + 0x1c) as u8).collect()
}
