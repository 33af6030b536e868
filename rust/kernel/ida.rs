// SPDX-License-Identifier: GPL-2.0

//! Small numbers that are given out and taken back.
//!
//! C header: [`include/linux/idr.h`](srctree/include/linux/idr.h)

use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// A set of numbers from zero on.
#[repr(transparent)]
pub struct Ida(Opaque<bindings::ida>);

// SAFETY: An `ida` has its own lock.
unsafe impl Sync for Ida {}

impl Ida {
    /// The numbers of a static `struct ida`.
    ///
    /// # Safety
    ///
    /// `ptr` points to what `DEFINE_IDA()` defines, and stays valid for `'a`.
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::ida) -> &'a Self {
        // SAFETY: By the function's requirements; `Self` is a transparent wrapper.
        unsafe { &*ptr.cast() }
    }

    /// Takes the lowest number that is free. May sleep.
    pub fn alloc(&'static self) -> Result<Id> {
        // SAFETY: By the type, it is a valid `ida`.
        let number =
            unsafe { bindings::ida_alloc_range(self.0.get(), 0, u32::MAX, bindings::GFP_KERNEL) };
        to_result(number)?;
        // INVARIANT: It was just allocated. CAST: It is not negative.
        Ok(Id {
            ida: self,
            number: number as u32,
        })
    }
}

/// A number of an [`Ida`], free again when this is dropped.
///
/// # Invariants
///
/// `number` is allocated from `ida`.
pub struct Id {
    ida: &'static Ida,
    number: u32,
}

impl Id {
    /// The number.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for Id {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::ida_free(self.ida.0.get(), self.number) };
    }
}
