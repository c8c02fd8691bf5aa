//! How much memory this machine, or this container, has, and how much of it rows take.
//!
//! Read from the kernel's own files, so that no library is needed: the smaller of the machine's memory and the
//! control group's limit. Where neither can be read (not Linux), a careful constant. Never allocates or reserves.

use arrow::array::{Array, RecordBatch};
use std::fs;

/// What is assumed when the kernel does not say.
const UNKNOWN_BYTES: u64 = 4 << 30;

/// Physical memory available to this process, in bytes.
pub(crate) fn physical_bytes() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|text| text.trim().parse::<u64>().ok());
    match (machine, group) {
        (Some(machine), Some(group)) => machine.min(group),
        (Some(bytes), None) | (None, Some(bytes)) => bytes,
        (None, None) => UNKNOWN_BYTES,
    }
}

/// The `MemTotal` line, in bytes.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Memory that the rows of a batch take. What is sliced from a bigger batch counts with its own rows only.
pub(crate) fn bytes_of(batch: &RecordBatch) -> usize {
    let size = |array: &dyn Array| {
        array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
    };
    batch.columns().iter().map(|column| size(column.as_ref())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_total() {
        assert_eq!(total_of("MemFree: 1 kB\nMemTotal:  2048 kB\n"), Some(2 << 20));
        assert_eq!(total_of("nothing"), None);
        assert!(physical_bytes() > 0);
    }
}
