// SPDX-License-Identifier: GPL-2.0

//! References to modules, which keep them loaded.
//!
//! C header: [`include/linux/module.h`](srctree/include/linux/module.h)

use kernel::bindings;

/// A module that somebody else keeps loaded, or none: code that is built in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ModulePtr(*mut bindings::module);

// SAFETY: It is a name; `try_get()` says when it may be used.
unsafe impl Send for ModulePtr {}

// SAFETY: As for `Send`.
unsafe impl Sync for ModulePtr {}

impl ModulePtr {
    /// The module at `ptr`, which may be null.
    pub fn new(ptr: *mut bindings::module) -> Self {
        Self(ptr)
    }

    /// Keeps the module loaded; [`None`] if it is already being unloaded.
    ///
    /// # Safety
    ///
    /// The module's memory is not freed during the call.
    pub unsafe fn try_get(self) -> Option<ModuleRef> {
        #[cfg(CONFIG_MODULE_UNLOAD)]
        // SAFETY: By the function's requirements; null is allowed.
        let taken = unsafe { bindings::try_module_get(self.0) };
        // The same function is inline then, and counts nothing. A module is still freed if its init function
        // fails.
        #[cfg(all(CONFIG_MODULES, not(CONFIG_MODULE_UNLOAD)))]
        let taken = self.0.is_null()
            // SAFETY: By the function's requirements. The state may change at any time.
            || unsafe { (&raw const (*self.0).state).read_volatile() }
                != bindings::module_state_MODULE_STATE_GOING;
        #[cfg(not(CONFIG_MODULES))]
        let taken = true;
        // INVARIANT: The reference was just taken.
        taken.then(|| ModuleRef(self))
    }
}

/// A reference to a module, given back when this is dropped.
///
/// # Invariants
///
/// It has a reference of its own.
pub struct ModuleRef(ModulePtr);

impl ModuleRef {
    /// Takes over the reference that somebody else has left to `module`.
    ///
    /// # Safety
    ///
    /// There is such a reference, and nobody else gives it back.
    pub unsafe fn from_ptr(module: ModulePtr) -> Self {
        // INVARIANT: By the function's requirements.
        Self(module)
    }
}

impl Drop for ModuleRef {
    fn drop(&mut self) {
        #[cfg(CONFIG_MODULE_UNLOAD)]
        // SAFETY: By the type invariants; null is allowed.
        unsafe {
            bindings::module_put(self.0 .0)
        };
    }
}
