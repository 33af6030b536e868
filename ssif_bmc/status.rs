// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/debug/ssif_bmc-DEVICE/status`: where the conversation is, and what happened so far.

use crate::{
    channel::Channel,
    debugfs, //
};
use kernel::{
    fmt,
    prelude::*, //
};

#[vtable]
impl debugfs::Show for Channel {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A copy, since writing may sleep.
        let (phase, open, counters) = match self.state.lock() {
            Ok(state) => (
                state.machine.phase(),
                state.open,
                state.machine.counters().clone(),
            ),
            Err(_) => return f.write_str("unbound\n"),
        };

        // In one call, since each takes much code.
        write!(
            f,
            "phase {phase}\n\
             open {open}\n\
             requests {}\n\
             responses {}\n\
             responses_displaced {}\n\
             timeouts {}\n\
             busy_transactions {}\n\
             abort_command {}\n\
             abort_sequence {}\n\
             abort_overlong_part {}\n\
             abort_length {}\n\
             abort_pec {}\n\
             abort_long_message {}\n\
             abort_interrupted {}\n",
            counters.requests,
            counters.responses,
            counters.displaced,
            counters.timeouts,
            counters.busy,
            counters.commands,
            counters.sequence,
            counters.overlong,
            counters.length,
            counters.pec,
            counters.message,
            counters.interrupted,
        )?;
        match counters.last_abort {
            Some(why) => writeln!(f, "last_abort {why:?}"),
            None => writeln!(f, "last_abort none"),
        }
    }
}
