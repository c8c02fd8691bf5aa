//! Failed logins, counted by who was tried from where, so that guessing takes years.
//!
//! A few mistakes cost nothing. From the fifth on, the pair of name and address has to wait: one second, two, four, up
//! to a minute. Nobody is locked out elsewhere, so that a stranger cannot keep an administrator from their own machine.
//! Names that do not exist are counted like those that do. The memory is bounded: of the [`MOST`] pairs remembered, the
//! one that was quiet longest makes room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tonic::Status;

/// Mistakes that cost nothing.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// A pair that was quiet for this long starts anew.
const FORGOTTEN: Duration = Duration::from_secs(900);
/// Pairs remembered.
const MOST: usize = 8_192;

/// Who is tried from where.
type Pair = (String, Option<IpAddr>);

/// The pairs that failed lately.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<Pair, Failed>>);

#[derive(Debug, Clone, Copy)]
struct Failed {
    times: u32,
    last: Instant,
}

impl Failed {
    /// How long after the last failure the next attempt may come.
    fn wait(self) -> Duration {
        match self.times.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => Duration::from_secs(1 << more.min(6)).min(LONGEST),
        }
    }
}

impl Attempts {
    /// Refuses a pair that has to wait, before anything is computed for it.
    pub(crate) fn admit(&self, user: &str, from: Option<IpAddr>) -> Result<(), Status> {
        let failed = self.lock().get(&(user.to_owned(), from)).copied();
        let left = failed
            .map_or(Duration::ZERO, |failed| failed.wait().saturating_sub(failed.last.elapsed()));
        if left.is_zero() {
            return Ok(());
        }
        Err(Status::unauthenticated(format!(
            "error: too many failed logins as this user from this address\n  hint: wait {} s and try again",
            left.as_secs() + 1
        )))
    }

    /// Notes a mistake.
    pub(crate) fn failed(&self, user: &str, from: Option<IpAddr>) {
        let now = Instant::now();
        let mut pairs = self.lock();
        let pair = (user.to_owned(), from);
        if pairs.len() >= MOST && !pairs.contains_key(&pair) {
            pairs.retain(|_, failed| failed.last.elapsed() < FORGOTTEN);
            let quiet = pairs.iter().min_by_key(|(_, failed)| failed.last).map(|(pair, _)| pair);
            if let (true, Some(quiet)) = (pairs.len() >= MOST, quiet.cloned()) {
                pairs.remove(&quiet);
            }
        }
        let failed = pairs.entry(pair).or_insert(Failed { times: 0, last: now });
        if failed.last.elapsed() >= FORGOTTEN {
            failed.times = 0;
        }
        *failed = Failed { times: failed.times.saturating_add(1), last: now };
    }

    /// Forgets the mistakes of who got in.
    pub(crate) fn succeeded(&self, user: &str, from: Option<IpAddr>) {
        self.lock().remove(&(user.to_owned(), from));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Pair, Failed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_slows_down_and_a_success_forgets() {
        let (attempts, here) = (Attempts::default(), Some(IpAddr::from([127, 0, 0, 1])));
        for _ in 1..FREE {
            attempts.failed("ada", here);
            assert!(attempts.admit("ada", here).is_ok());
        }
        attempts.failed("ada", here);
        let refused = attempts.admit("ada", here).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unauthenticated);
        assert!(attempts.admit("ada", Some(IpAddr::from([10, 0, 0, 1]))).is_ok(), "elsewhere");
        assert!(attempts.admit("bob", here).is_ok(), "somebody else");
        attempts.succeeded("ada", here);
        assert!(attempts.admit("ada", here).is_ok());
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let wait = |times| Failed { times, last: Instant::now() }.wait().as_secs();
        assert_eq!(
            [0, 4, 5, 6, 7, 10, 11, 12, u32::MAX].map(wait),
            [0, 0, 1, 2, 4, 32, 60, 60, 60]
        );
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        for number in 0..MOST + 10 {
            attempts.failed(&number.to_string(), None);
        }
        assert_eq!(attempts.lock().len(), MOST);
    }
}
