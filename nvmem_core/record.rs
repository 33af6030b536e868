// SPDX-License-Identifier: GPL-2.0

//! Records of devices for engineers: trace events, and the file `nvmem_core/summary` in debugfs.
//!
//! A device has a record from its registration to its release, which is later if consumers hold it. Accesses that
//! succeed are not counted: a counter would be a cache line that all readers of a device write.

use crate::{
    bindings,
    debugfs::{
        self,
        Show, //
    },
};
use kernel::{
    fmt,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            AtomicFlag,
            Relaxed, //
        },
        global_lock,
        Arc, //
    },
};

global_lock! {
    // SAFETY: `Records::new()` initialises it before there is a record.
    unsafe(uninit) static RECORDS: Mutex<KVec<Arc<Counters>>> = KVec::new();
}

static REGISTERED: Atomic<u32> = Atomic::new(0);
static REVOKED: Atomic<u32> = Atomic::new(0);
static REFUSED: Atomic<u32> = Atomic::new(0);

/// The name, the size and the counters of a device.
struct Counters {
    name: CString,
    size: usize,
    cells: Atomic<u32>,
    holders: Atomic<u32>,
    refused: Atomic<u32>,
    is_registered: AtomicFlag,
    is_revoked: AtomicFlag,
}

/// The record of a device. Dropped when the device is released.
pub struct Record(Arc<Counters>);

impl Record {
    /// Makes a record of a device that is about to be registered; `size` is in bytes.
    pub fn new(name: &CStr, size: usize) -> Result<Self> {
        let counters = Arc::new(
            Counters {
                name: CString::try_from(name)?,
                size,
                cells: Atomic::new(0),
                holders: Atomic::new(0),
                refused: Atomic::new(0),
                is_registered: AtomicFlag::new(false),
                is_revoked: AtomicFlag::new(false),
            },
            GFP_KERNEL,
        )?;
        RECORDS.lock().push(counters.clone(), GFP_KERNEL)?;
        Ok(Self(counters))
    }

    fn name(&self) -> *const c_char {
        self.0.name.as_char_ptr()
    }

    /// The device is registered.
    pub fn registered(&self) {
        self.0.is_registered.store(true, Relaxed);
        REGISTERED.fetch_add(1, Relaxed);
        // SAFETY: The name is a string, which the function copies.
        unsafe { bindings::nvmem_core_trace_register(self.name(), self.0.size) };
    }

    /// The device is about to be unregistered.
    pub fn unregistering(&self) {
        // SAFETY: As for `registered()`.
        unsafe { bindings::nvmem_core_trace_unregister(self.name()) };
    }

    /// The provider was revoked.
    pub fn revoked(&self) {
        self.0.is_revoked.store(true, Relaxed);
        if !self.0.is_registered.load(Relaxed) {
            // The registration fails: nobody was told of it.
            return;
        }
        REVOKED.fetch_add(1, Relaxed);
        // SAFETY: As for `registered()`.
        unsafe { bindings::nvmem_core_trace_revoke(self.name()) };
    }

    /// An access was refused because the provider was revoked. Returns the error for it.
    #[cold]
    pub fn refused(&self) -> Error {
        self.0.refused.fetch_add(1, Relaxed);
        REFUSED.fetch_add(1, Relaxed);
        // SAFETY: As for `registered()`.
        unsafe { bindings::nvmem_core_trace_refused(self.name()) };
        ENODEV
    }

    /// The device has this many cells.
    #[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
    pub fn cells(&self, count: usize) {
        // CAST: A cell has an allocation of more than 4 bytes: their number is below 2^32 where `usize` has 32 bits, and
        // limited by memory to less elsewhere.
        self.0.cells.store(count as u32, Relaxed);
    }

    /// A consumer got the device.
    #[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
    pub fn held(&self) {
        self.0.holders.fetch_add(1, Relaxed);
    }

    /// A consumer put the device.
    #[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
    pub fn put(&self) {
        self.0.holders.fetch_sub(1, Relaxed);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        RECORDS
            .lock()
            .retain(|counters| !Arc::ptr_eq(counters, &self.0));
    }
}

/// The file `summary`.
struct All;

#[vtable]
impl Show for All {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    size cells holders refused state      device")?;
        for counters in RECORDS.lock().iter() {
            write!(f, "{:>8} ", counters.size)?;
            if cfg!(CONFIG_NVMEM_RUST_GUARD) {
                // Known to the C core only.
                write!(f, "    -       -")?;
            } else {
                let (cells, holders) = (&counters.cells, &counters.holders);
                write!(f, "{:>5} {:>7}", cells.load(Relaxed), holders.load(Relaxed))?;
            }
            let state = if counters.is_revoked.load(Relaxed) {
                "revoked"
            } else {
                "registered"
            };
            write!(f, " {:>7} {state:<10} ", counters.refused.load(Relaxed))?;
            f.write_fmt(fmt!("{}\n", &*counters.name))?;
        }
        writeln!(
            f,
            "total: {} registered, {} revoked, {} accesses refused",
            REGISTERED.load(Relaxed),
            REVOKED.load(Relaxed),
            REFUSED.load(Relaxed),
        )
    }
}

/// The list of records. Dropped when no device is left.
pub struct Records(());

impl Records {
    /// Called once, when the module is loaded.
    pub fn new() -> Self {
        // SAFETY: It is called once, before anything else in this file.
        unsafe { RECORDS.init() };
        Self(())
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        // A static is not dropped.
        let records = core::mem::take(&mut *RECORDS.lock());
        drop(records);
    }
}

/// The summary in debugfs, which is removed when this is dropped.
pub struct Summary(#[expect(dead_code, reason = "removed when it is dropped")] debugfs::File<All>);

impl Summary {
    /// Creates the file, for as long as `_records` exists.
    pub fn new(_records: &Records) -> Result<Self> {
        let all = Arc::new(All, GFP_KERNEL)?;
        Ok(Self(debugfs::File::new(c"nvmem_core", c"summary", all)))
    }
}
