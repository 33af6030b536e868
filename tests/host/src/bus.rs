// SPDX-License-Identifier: GPL-2.0

//! A host and its bus, for tests: transactions become events of the machine.

use crate::{
    machine::{Change, Machine, Refusal},
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

/// Writes `bytes` behind the address, without a stop; `Err` is what the first refused event said.
pub fn raw_write(machine: &mut TestMachine, bytes: &[u8]) -> Result<(), Refusal> {
    machine.write_requested().1?;
    for byte in bytes {
        machine.write_received(*byte).1?;
    }
    Ok(())
}

/// A block write with a stop. Returns what the stop changed.
pub fn write(machine: &mut TestMachine, command: u8, data: &[u8]) -> Change {
    let mut bytes = vec![command, data.len() as u8];
    bytes.extend(data);
    let _ = raw_write(machine, &bytes);
    machine.stop().0
}

/// A block write with a PEC and a stop.
pub fn write_with_pec(machine: &mut TestMachine, command: u8, data: &[u8]) -> Change {
    let mut bytes = vec![command, data.len() as u8];
    bytes.extend(data);
    bytes.push(write_pec(command, data));
    let _ = raw_write(machine, &bytes);
    machine.stop().0
}

/// How a controller reports the repeated start of a read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RepeatedStart {
    Silent,
    Stop,
}

/// A block read as far as the read phase, of `extra` bytes behind the data; no stop.
pub fn begin_read(
    machine: &mut TestMachine,
    command: u8,
    extra: usize,
    repeated: RepeatedStart,
) -> Result<Vec<u8>, Refusal> {
    raw_write(machine, &[command])?;
    if repeated == RepeatedStart::Stop {
        machine.stop().1?;
    }
    let (len, answer) = machine.read_requested();
    answer?;
    (0..usize::from(len) + extra)
        .map(|_| {
            let (byte, answer) = machine.read_processed();
            answer.map(|()| byte)
        })
        .collect()
}

/// A whole block read. Returns the data.
pub fn read(machine: &mut TestMachine, command: u8) -> Result<Vec<u8>, Refusal> {
    let data = begin_read(machine, command, 0, RepeatedStart::Silent);
    let _ = machine.stop();
    data
}

/// Sends `message` as hosts do, in one part or several.
pub fn send(machine: &mut TestMachine, message: &[u8], pec: bool) -> Change {
    let write = if pec { write_with_pec } else { write };
    if message.len() <= 32 {
        return write(machine, 0x02, message);
    }

    let parts: Vec<_> = message.chunks(32).collect();
    let mut change = Change::None;
    for (index, part) in parts.iter().enumerate() {
        let command = match index {
            0 => 0x06,
            _ if index + 1 == parts.len() => 0x08,
            _ => 0x07,
        };
        change = write(machine, command, part);
    }
    change
}

/// Fetches a response as hosts do, in one block or several.
pub fn fetch(machine: &mut TestMachine) -> Result<Vec<u8>, Refusal> {
    let first = read(machine, 0x03)?;
    let Some(mut message) = first.strip_prefix(&[0, 1]).map(<[u8]>::to_vec) else {
        return Ok(first);
    };
    for number in 0.. {
        let block = read(machine, 0x09)?;
        message.extend(&block[1..]);
        if block[0] == 0xff {
            break;
        }
        assert_eq!((block[0], block.len()), (number, 32));
    }
    Ok(message)
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
