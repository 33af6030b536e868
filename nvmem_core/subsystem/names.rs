// SPDX-License-Identifier: GPL-2.0

//! Names of devices and cells, byte for byte.
//!
//! Formatting a `CStr` or a `BStr` escapes what is not printable ASCII; names keep such bytes.

use kernel::{
    fmt,
    prelude::*,
    str::CString, //
};

/// `name`, followed by what `suffix` prints.
pub fn with_suffix(name: &CStr, suffix: fmt::Arguments<'_>) -> Result<CString> {
    let suffix = CString::try_from_fmt(suffix)?;
    let bytes = terminated(&[name.to_bytes(), suffix.to_bytes()])?;
    let name = CStr::from_bytes_with_nul(&bytes).map_err(|_| EINVAL)?;
    Ok(CString::try_from(name)?)
}

/// The parts, one after the other, and the NUL that ends a string in C.
pub fn terminated(parts: &[&[u8]]) -> Result<KVec<u8>> {
    let mut bytes = KVec::new();
    for part in parts {
        bytes.extend_from_slice(part, GFP_KERNEL)?;
    }
    bytes.push(0, GFP_KERNEL)?;
    Ok(bytes)
}
