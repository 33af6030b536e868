// SPDX-License-Identifier: GPL-2.0

//! What a provider brings, and takes away again: its callbacks, and what belongs to them.
//!
//! All of it is in a [`Provider`], which is in an `SrcuRevocable`: unregistering waits for the calls
//! that are in flight and drops it, and nobody can call anything of the provider's after that. Keepouts are
//! copied. A [`Writer`] has its turn from the first byte that it reads to the last that it writes, so that neither
//! a read-modify-write nor a phase of the write-protect line has another write in its middle, except for a write
//! that a callback of a plain write makes itself.

use crate::{
    bindings, gpio,
    keepout::{
        self,
        Keepout,
        Piece, //
    },
    turns::{
        Turn,
        Turns, //
    },
};
use core::ffi::c_void;
use kernel::{
    device,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            AtomicFlag,
            Relaxed, //
        },
    },
};

type ReadCallback = unsafe extern "C" fn(*mut c_void, c_uint, *mut c_void, usize) -> c_int;
#[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
pub type FixupCallback =
    unsafe extern "C" fn(*mut bindings::nvmem_device, *mut bindings::nvmem_cell_info);

/// The provider's callbacks and what they use.
///
/// # Invariants
///
/// The callbacks may be called with `context` as long as `self` is there.
#[pin_data]
// In this order: what writers change comes last, away from what readers need.
#[repr(C)]
pub struct Provider {
    read: Option<ReadCallback>,
    write: Option<ReadCallback>,
    #[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
    fixup: Option<FixupCallback>,
    context: *mut c_void,
    keepouts: KVec<Keepout>,
    write_protect: Option<WriteProtect>,
    #[pin]
    turns: Turns,
}

/// The write-protect line, which is asserted unless something is written.
pub struct WriteProtect {
    line: gpio::Output,
    /// Changed by the writer that has the exclusive turn.
    is_lifted: AtomicFlag,
    /// The device that has the line, for messages.
    dev: ARef<device::Device>,
}

impl WriteProtect {
    /// Gets the line of `dev` and asserts it; [`None`] if it has no such line.
    pub fn get(dev: &device::Device) -> Result<Option<Self>> {
        let line = gpio::Output::get_asserted(dev, c"wp")?;
        Ok(line.map(|line| Self {
            line,
            is_lifted: AtomicFlag::new(false),
            dev: dev.into(),
        }))
    }

    /// Calls `write` while the line is not asserted, in an exclusive turn.
    fn lifted(&self, write: impl FnOnce() -> Result) -> Result {
        if self.is_lifted.load(Relaxed) {
            // A callback that is called from here writes.
            return write();
        }
        self.line.set(false)?;
        self.is_lifted.store(true, Relaxed);
        let written = write();
        self.is_lifted.store(false, Relaxed);
        // The bytes are written, or not, whatever becomes of the line.
        if let Err(error) = self.line.set(true) {
            // CAST: `device::Device` is a transparent wrapper.
            let dev = core::ptr::from_ref(&*self.dev).cast_mut().cast();
            // SAFETY: The device has a reference. The function only prints.
            unsafe { bindings::nvmem_core_line_failed(dev, error.to_errno()) };
        }
        written
    }
}

// SAFETY: The callbacks are called by any thread that accesses the device, with the same context.
unsafe impl Send for Provider {}

// SAFETY: As for `Send`; the callbacks serialise what they must.
unsafe impl Sync for Provider {}

impl Provider {
    /// Takes the callbacks of `config`.
    ///
    /// # Safety
    ///
    /// They may be called until the provider is dropped.
    pub unsafe fn new(
        config: &bindings::nvmem_config,
        keepouts: KVec<Keepout>,
        write_protect: Option<WriteProtect>,
    ) -> impl PinInit<Self> + use<> {
        let bindings::nvmem_config {
            reg_read: read,
            reg_write: write,
            #[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
                fixup_dt_cell_info: fixup,
            priv_: context,
            ..
        } = *config;

        // INVARIANT: By the function's requirements.
        pin_init!(Self {
            read,
            write,
            #[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
            fixup,
            context,
            keepouts,
            write_protect,
            turns <- Turns::new(),
        })
    }

    /// Reads into `buf` from `offset` on, and fills what is kept out of.
    pub fn read(&self, offset: u32, buf: &mut [u8]) -> Result {
        if self.keepouts.is_empty() {
            return self.call_read(offset, buf);
        }
        let mut done = 0;
        for piece in keepout::split(&self.keepouts, offset, buf.len()) {
            let (Piece::Provider { range, .. } | Piece::Keepout { range, .. }) = &piece;
            done = range.end;
            let part = buf.get_mut(range.clone()).ok_or(EINVAL)?;
            match piece {
                Piece::Provider { offset, .. } => self.call_read(offset, part)?,
                Piece::Keepout { value, .. } => part.fill(value),
            }
        }
        whole(done, buf.len())
    }

    /// Waits for a turn to write what does not depend on what is stored.
    pub fn writer(&self) -> Result<Writer<'_>> {
        if self.write_protect.is_some() {
            return Ok(self.exclusive_writer());
        }
        Ok(Writer {
            provider: self,
            _turn: self.turns.shared()?,
        })
    }

    /// Waits for a turn to write what depends on bytes that are read meanwhile.
    pub fn exclusive_writer(&self) -> Writer<'_> {
        Writer {
            provider: self,
            _turn: self.turns.exclusive(),
        }
    }

    /// The provider's callback that changes the description of a cell in the device tree. It may be called as
    /// long as `self` is there.
    #[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
    pub fn fixup(&self) -> Option<FixupCallback> {
        self.fixup
    }

    fn call_read(&self, offset: u32, buf: &mut [u8]) -> Result {
        let read = self.read.ok_or(EOPNOTSUPP)?;
        // SAFETY: By the type invariants; the buffer is valid for writes.
        let ret = unsafe { read(self.context, offset, buf.as_mut_ptr().cast(), buf.len()) };
        outcome(ret, buf.len())
    }

    fn call_write(&self, offset: u32, buf: &[u8]) -> Result {
        let write = self.write.ok_or(EOPNOTSUPP)?;
        // SAFETY: By the type invariants; the buffer is valid for reads, and providers only read it.
        let ret = unsafe {
            write(
                self.context,
                offset,
                buf.as_ptr().cast_mut().cast(),
                buf.len(),
            )
        };
        outcome(ret, buf.len())
    }
}

/// The right to write to a provider's device.
pub struct Writer<'a> {
    provider: &'a Provider,
    _turn: Turn<'a>,
}

impl Writer<'_> {
    /// Writes `buf` from `offset` on, except for what is kept out of.
    pub fn write(&self, offset: u32, buf: &[u8]) -> Result {
        let provider = self.provider;
        if provider.keepouts.is_empty() {
            return self.write_piece(offset, buf);
        }
        let mut done = 0;
        for piece in keepout::split(&provider.keepouts, offset, buf.len()) {
            let (Piece::Provider { range, .. } | Piece::Keepout { range, .. }) = &piece;
            done = range.end;
            let part = buf.get(range.clone()).ok_or(EINVAL)?;
            if let Piece::Provider { offset, .. } = piece {
                self.write_piece(offset, part)?;
            }
        }
        whole(done, buf.len())
    }

    fn write_piece(&self, offset: u32, buf: &[u8]) -> Result {
        let provider = self.provider;
        if provider.write.is_none() {
            return Err(EOPNOTSUPP);
        }
        let write = || provider.call_write(offset, buf);
        match &provider.write_protect {
            Some(line) => line.lifted(write),
            None => write(),
        }
    }
}

/// What a callback says by `ret`: zero for success, or a negative error number. The number of bytes is
/// what some return for success. A number that is neither is an error of the callback.
pub fn outcome(ret: c_int, len: usize) -> Result {
    match usize::try_from(ret) {
        Ok(0) => Ok(()),
        Ok(count) if count == len => Ok(()),
        Ok(_) => Err(EIO),
        Err(_) if ret.unsigned_abs() > kernel::bindings::MAX_ERRNO => Err(EINVAL),
        Err(_) => Err(Error::from_errno(ret)),
    }
}

/// An access ends before its buffer does if an offset cannot name the rest.
fn whole(done: usize, len: usize) -> Result {
    if done == len {
        Ok(())
    } else {
        Err(EINVAL)
    }
}
