//! Doing something for each of several things at once.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};

/// Calls `act` for each item, each on a thread of its own, and returns the items with the results, in their order. If the host
/// allows no further thread, the calling thread does the work.
pub fn side_by_side<K: Send, T: Send>(
    items: Vec<K>,
    act: impl Fn(&mut K) -> T + Sync,
) -> Vec<(K, T)> {
    // A thread that cannot be started does not give back what it was to work on.
    let items: Vec<Mutex<K>> = items.into_iter().map(Mutex::new).collect();
    let act = |item: &Mutex<K>| act(&mut item.lock().unwrap_or_else(PoisonError::into_inner));
    let results: Vec<T> = match items.as_slice() {
        [only] => vec![act(only)],
        items => thread::scope(|scope| {
            let start = |item| {
                let thread = Builder::new().spawn_scoped(scope, move || act(item));
                thread.map_err(|_| act(item))
            };
            let threads: Vec<_> = items.iter().map(start).collect();
            let join = |thread: Result<thread::ScopedJoinHandle<T>, T>| match thread {
                Ok(thread) => thread
                    .join()
                    .expect("what runs side by side does not panic"),
                Err(done) => done,
            };
            threads.into_iter().map(join).collect()
        }),
    };
    let items = items
        .into_iter()
        .map(|item| item.into_inner().unwrap_or_else(PoisonError::into_inner));
    items.zip(results).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn all_run_at_once_and_answer_in_order() {
        let all_there = Barrier::new(4);
        let act = |key: &mut u32| {
            all_there.wait();
            *key * 2
        };
        let expected = [(1, 2), (2, 4), (3, 6), (4, 8)];
        assert_eq!(side_by_side(vec![1, 2, 3, 4], act), expected);
        assert_eq!(side_by_side(vec![], act), vec![]);
    }
}
