// SPDX-License-Identifier: GPL-2.0

//! Repeated attempts until a deadline.
//!
//! A chip does not acknowledge its address while it stores a page. The driver cannot distinguish a busy chip from
//! an absent one, other than by a deadline.
//!
//! Pure logic, on `core` alone.

/// Whether a failed attempt may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure<E> {
    /// The chip may be busy.
    Transient,
    /// Another attempt would fail in the same way.
    Final(E),
}

/// The reason why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped<E> {
    /// All attempts until the deadline were transient failures.
    TimedOut,
    /// An attempt failed with this.
    Failed(E),
}

/// Repeats `attempt` until it succeeds, or one that began `limit` or later after the first has failed.
///
/// `limit` and the times that `now` returns are in the same unit. `pause` is called between two attempts. The time is
/// taken before an attempt: a task that is preempted for long still makes its last attempt after the deadline.
pub fn poll<T, E>(
    limit: i64,
    mut now: impl FnMut() -> i64,
    mut pause: impl FnMut(),
    mut attempt: impl FnMut() -> Result<T, Failure<E>>,
) -> Result<T, Stopped<E>> {
    let first = now();
    let mut begun = first;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(Failure::Final(error)) => return Err(Stopped::Failed(error)),
            Err(Failure::Transient) if begun.saturating_sub(first) >= limit => {
                return Err(Stopped::TimedOut);
            }
            Err(Failure::Transient) => pause(),
        }
        begun = now();
    }
}
