// SPDX-License-Identifier: GPL-2.0

//! The pure files of `ssif_bmc`, as the module compiles them, beside a model that says what must
//! come of each step.
//!
//! - `script` turns the fuzzer's bytes into steps;
//! - `player` has the machine and the model do each step;
//! - `model` works out what must come of it, from the rules of SSIF;
//! - `invariants` says what must hold, and compares.

#[path = "../../../ssif_bmc/machine.rs"]
mod machine;
#[path = "../../../ssif_bmc/protocol.rs"]
mod protocol;

mod invariants;
mod model;
mod player;
mod reached;
mod script;

pub use reached::Reached;

// What wraps in silence is not found.
const _: () = assert!(cfg!(debug_assertions));

/// Plays the script that `input` encodes. Panics when the machine breaks a promise.
pub fn play(input: &[u8]) {
    player::Player::new(false).play(input);
}

/// The same, and tells what the script reached. With `print`, shows each event and its answer.
pub fn replay(input: &[u8], print: bool) -> Reached {
    player::Player::new(print).play(input)
}
