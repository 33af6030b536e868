// SPDX-License-Identifier: GPL-2.0

//! What SSIF puts on the wire: commands, messages, the parts a host writes and the blocks it reads.
//!
//! Pure logic over `core`, so that the same file runs in the kernel, in host tests and under a
//! fuzzer. The facts are those of IPMI 2.0, section 12, and of SMBus 2.0, sections 5.4 and 5.5.7.

/// The largest IPMI message that SSIF carries, in bytes, NetFn/LUN and command included.
pub(crate) const MESSAGE_MAX: usize = 254;

/// The largest SMBus block, in bytes, without command, length and PEC.
pub(crate) const BLOCK_MAX: usize = 32;

/// Message bytes in the first block of a multi-part read, behind its two marker bytes.
const START_DATA: usize = 30;

/// Message bytes in each further block of a multi-part read, behind its number.
const NEXT_DATA: usize = 31;

/// The block number that marks the last block of a multi-part read.
const LAST_BLOCK: u8 = 0xff;

/// Computes the SMBus packet error code, CRC-8 with the polynomial x^8 + x^2 + x + 1.
pub(crate) trait Pec {
    /// Returns the code of `bytes` that follow data whose code is `crc`.
    fn update(crc: u8, bytes: &[u8]) -> u8;
}

/// The SMBus commands of SSIF that this side takes.
///
/// Multi-part read retry (0Ah) is optional and not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Command {
    /// A request in one part.
    WriteSingle = 0x02,
    /// The only block of a response, or its first.
    ReadStart = 0x03,
    /// The first part of a request, always a full block.
    WriteStart = 0x06,
    /// A part between first and last; a short one is the last.
    WriteMiddle = 0x07,
    /// The last part of a request.
    WriteEnd = 0x08,
    /// Any block of a response but its first.
    ReadNext = 0x09,
}

impl Command {
    /// Whether a new request begins here.
    pub(crate) fn starts_request(self) -> bool {
        matches!(self, Self::WriteSingle | Self::WriteStart)
    }

    /// Whether the host goes on to read.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::ReadStart | Self::ReadNext)
    }
}

impl TryFrom<u8> for Command {
    type Error = ();

    fn try_from(byte: u8) -> Result<Self, ()> {
        Ok(match byte {
            0x02 => Self::WriteSingle,
            0x03 => Self::ReadStart,
            0x06 => Self::WriteStart,
            0x07 => Self::WriteMiddle,
            0x08 => Self::WriteEnd,
            0x09 => Self::ReadNext,
            _ => return Err(()),
        })
    }
}

/// A message would exceed [`MESSAGE_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// An IPMI message of 0 to [`MESSAGE_MAX`] bytes.
#[derive(Clone)]
pub(crate) struct Message {
    len: u8,
    bytes: [u8; MESSAGE_MAX],
}

impl Message {
    /// The message without bytes.
    pub(crate) const EMPTY: Self = Self {
        len: 0,
        bytes: [0; MESSAGE_MAX],
    };

    /// The bytes of the message.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Forgets all bytes.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends `data`, or changes nothing.
    pub(crate) fn extend(&mut self, data: &[u8]) -> Result<(), TooLong> {
        let start = usize::from(self.len);
        let end = start.checked_add(data.len()).ok_or(TooLong)?;
        let room = self.bytes.get_mut(start..end).ok_or(TooLong)?;
        let len = u8::try_from(end).map_err(|_| TooLong)?;

        room.copy_from_slice(data);
        self.len = len;
        Ok(())
    }

    /// Replaces all bytes by `data`, or changes nothing.
    pub(crate) fn set(&mut self, data: &[u8]) -> Result<(), TooLong> {
        if data.len() > MESSAGE_MAX {
            return Err(TooLong);
        }
        self.clear();
        self.extend(data)
    }
}

/// Why the part that a host wrote is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartError {
    /// More bytes than a block and its PEC.
    Overlong,
    /// The number of bytes is not what the length byte says.
    Length,
    /// The packet error code is wrong.
    Pec,
}

/// The bytes of a block write that follow the command: length, data and perhaps a PEC.
pub(crate) struct Part {
    count: u8,
    overlong: bool,
    bytes: [u8; 1 + BLOCK_MAX + 1],
}

impl Part {
    /// The part of which nothing came yet.
    pub(crate) const EMPTY: Self = Self {
        count: 0,
        overlong: false,
        bytes: [0; 1 + BLOCK_MAX + 1],
    };

    /// Forgets all bytes.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.overlong = false;
    }

    /// Takes the next byte from the bus. Bytes beyond a full part are not stored.
    pub(crate) fn push(&mut self, byte: u8) {
        match self.bytes.get_mut(usize::from(self.count)) {
            Some(slot) => {
                *slot = byte;
                self.count = self.count.saturating_add(1);
            }
            None => self.overlong = true,
        }
    }

    /// Whether as many bytes came as the length byte says, with or without a PEC.
    pub(crate) fn is_whole(&self) -> bool {
        let [len, ..] = self.bytes;
        !self.overlong && usize::from(len) <= BLOCK_MAX && matches!(self.excess(), Some(0 | 1))
    }

    /// Whether fewer bytes came than a valid length byte says, or not even that.
    pub(crate) fn is_short(&self) -> bool {
        let [len, ..] = self.bytes;
        self.count == 0 || usize::from(len) <= BLOCK_MAX && self.excess().is_none()
    }

    /// How many bytes came after the data; [`None`] if some of the data did not come.
    fn excess(&self) -> Option<u8> {
        let [len, ..] = self.bytes;
        self.count.checked_sub(1)?.checked_sub(len)
    }

    /// Returns the data, and whether a PEC protected it, if the part is valid.
    ///
    /// `address` is the target's address as the first byte on the wire, with the read bit clear.
    pub(crate) fn parse<P: Pec>(
        &self,
        address: u8,
        command: Command,
    ) -> Result<(&[u8], bool), PartError> {
        if self.overlong {
            return Err(PartError::Overlong);
        }

        let bytes = self.bytes.get(..usize::from(self.count));
        let (&len, rest) = bytes
            .and_then(|bytes| bytes.split_first())
            .ok_or(PartError::Length)?;
        let len = usize::from(len);
        if len > BLOCK_MAX {
            return Err(PartError::Length);
        }

        let data = rest.get(..len).ok_or(PartError::Length)?;
        match rest.get(len..) {
            Some([]) => Ok((data, false)),
            Some([pec]) => {
                let crc = P::update(0, &[address, command as u8]);
                let crc = P::update(crc, bytes.and_then(|b| b.get(..=len)).unwrap_or(&[]));
                if crc == *pec {
                    Ok((data, true))
                } else {
                    Err(PartError::Pec)
                }
            }
            _ => Err(PartError::Length),
        }
    }
}

/// How far a host has got with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The first block is due; only [`Command::ReadStart`] makes sense.
    Start,
    /// `offset` bytes went out, `number` is the number of the next block.
    Next {
        /// Bytes of the message that the host has.
        offset: u8,
        /// Blocks after the first that the host has.
        number: u8,
    },
    /// The host has it all.
    Done,
}

/// A block on its way to the host.
pub(crate) struct Block {
    /// Data bytes, at most [`BLOCK_MAX`].
    len: u8,
    /// Bytes after the length that exist: the data and perhaps a PEC.
    end: u8,
    /// Bytes after the length that were handed to the controller.
    sent: u8,
    /// What holds once the host has this block.
    then: Progress,
    bytes: [u8; BLOCK_MAX + 1],
}

impl Block {
    /// No block: every byte of it reads as 0.
    pub(crate) const EMPTY: Self = Self {
        len: 0,
        end: 0,
        sent: 0,
        then: Progress::Start,
        bytes: [0; BLOCK_MAX + 1],
    };

    /// Prepares the block that `command` asks for when the host has got as far as `progress`.
    ///
    /// [`Command::ReadStart`] begins again from any point. Returns [`None`] when `command` is out
    /// of sequence; the block is then unchanged.
    // Out of line, since once in a block: the events of single bytes are quicker without it.
    #[inline(never)]
    pub(crate) fn prepare<P: Pec>(
        &mut self,
        command: Command,
        progress: Progress,
        message: &[u8],
        address: u8,
        pec: bool,
    ) -> Option<()> {
        let single = message.len() <= BLOCK_MAX;
        let (header, offset, room): (&[u8], usize, usize) = match (command, progress) {
            (Command::ReadStart, _) if single => (&[], 0, BLOCK_MAX),
            (Command::ReadStart, _) => (&[0x00, 0x01], 0, START_DATA),
            (Command::ReadNext, Progress::Next { offset, number }) => {
                let offset = usize::from(offset);
                if message.len().checked_sub(offset)? <= NEXT_DATA {
                    (&[LAST_BLOCK], offset, NEXT_DATA)
                } else {
                    (&[number], offset, NEXT_DATA)
                }
            }
            _ => return None,
        };

        let rest = message.get(offset..)?;
        let data = rest.get(..rest.len().min(room))?;
        let reached = offset.checked_add(data.len())?;
        let then = match progress {
            _ if reached == message.len() => Progress::Done,
            Progress::Next { number, .. } if command == Command::ReadNext => Progress::Next {
                offset: u8::try_from(reached).ok()?,
                number: number.checked_add(1)?,
            },
            _ => Progress::Next {
                offset: u8::try_from(reached).ok()?,
                number: 0,
            },
        };

        let len = header.len().checked_add(data.len())?;
        self.bytes.get_mut(..header.len())?.copy_from_slice(header);
        self.bytes.get_mut(header.len()..len)?.copy_from_slice(data);
        self.len = u8::try_from(len).ok()?;
        self.end = self.len;
        self.sent = 0;
        self.then = then;

        if pec {
            let crc = P::update(0, &[address, command as u8, address | 1, self.len]);
            let crc = P::update(crc, self.bytes.get(..len)?);
            *self.bytes.get_mut(len)? = crc;
            self.end = self.len.checked_add(1)?;
        }
        Some(())
    }

    /// The length byte that goes out first.
    pub(crate) fn len(&self) -> u8 {
        self.len
    }

    /// The next byte for the controller: data, then the PEC if there is one, then zeros.
    pub(crate) fn next(&mut self) -> u8 {
        if self.sent >= self.end {
            return 0;
        }
        let byte = self.bytes.get(usize::from(self.sent)).copied();
        self.sent = self.sent.saturating_add(1);
        byte.unwrap_or(0)
    }

    /// What holds when the transaction ends now, if the host got the whole of the data.
    pub(crate) fn fetched(&self) -> Option<Progress> {
        (self.sent >= self.len).then_some(self.then)
    }
}
