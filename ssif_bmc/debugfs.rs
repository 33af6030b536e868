// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/debug/ssif_bmc-DEVICE/status`: where the conversation is, and what happened so far.

use crate::channel::Channel;
use kernel::{
    debugfs,
    fmt,
    sync::Arc, //
};

/// The file, for a [`Channel`] that it keeps.
pub(crate) struct Status(pub(crate) Arc<Channel>);

impl debugfs::Writer for Status {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A copy, since writing may sleep.
        let (phase, open, counters) = match self.0.state.lock() {
            Ok(state) => (
                state.machine.phase(),
                state.open,
                state.machine.counters().clone(),
            ),
            Err(_) => return f.write_str("unbound\n"),
        };

        writeln!(f, "phase {phase}")?;
        writeln!(f, "open {open}")?;
        for (name, value) in [
            ("requests", counters.requests),
            ("responses", counters.responses),
            ("responses_displaced", counters.displaced),
            ("timeouts", counters.timeouts),
            ("busy_transactions", counters.busy),
            ("abort_command", counters.commands),
            ("abort_sequence", counters.sequence),
            ("abort_overlong_part", counters.overlong),
            ("abort_length", counters.length),
            ("abort_pec", counters.pec),
            ("abort_long_message", counters.message),
            ("abort_interrupted", counters.interrupted),
        ] {
            writeln!(f, "{name} {value}")?;
        }
        match counters.last_abort {
            Some(why) => writeln!(f, "last_abort {why:?}"),
            None => writeln!(f, "last_abort none"),
        }
    }
}
