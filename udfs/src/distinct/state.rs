//! What travels between partitions: the values of one group as bytes.
//!
//! A bitmap in the portable format of Roaring behind a 1 and the number of its window; values, eight bytes each, least
//! significant first, behind a 0. Never read back from anywhere but this process and what it spilled.

use datafusion::common::{Result, exec_datafusion_err};
use roaring::RoaringBitmap;

const VALUES: u8 = 0;
const BITMAP: u8 = 1;

/// The values of one group.
pub(super) enum State<V> {
    /// Of a window.
    Bitmap(u32, RoaringBitmap),
    Values(V),
}

pub(super) fn of_values(values: &[i64]) -> Vec<u8> {
    let mut state = Vec::with_capacity(1 + size_of_val(values));
    state.push(VALUES);
    for value in values {
        state.extend(value.to_le_bytes());
    }
    state
}

pub(super) fn of_bitmap(window: u32, bitmap: &RoaringBitmap) -> Result<Vec<u8>> {
    let mut state = Vec::with_capacity(5 + bitmap.serialized_size());
    state.push(BITMAP);
    state.extend(window.to_le_bytes());
    bitmap.serialize_into(&mut state)?;
    Ok(state)
}

pub(super) fn read(state: &[u8]) -> Result<State<impl Iterator<Item = i64>>> {
    match state.split_first() {
        Some((&VALUES, values)) => {
            let (values, rest) = values.as_chunks::<8>();
            if rest.is_empty() {
                return Ok(State::Values(values.iter().map(|value| i64::from_le_bytes(*value))));
            }
        }
        Some((&BITMAP, bitmap)) => {
            if let Some((window, bitmap)) = bitmap.split_first_chunk() {
                let bitmap = RoaringBitmap::deserialize_from(bitmap)?;
                return Ok(State::Bitmap(u32::from_le_bytes(*window), bitmap));
            }
        }
        _ => {}
    }
    Err(exec_datafusion_err!("the state of a count(DISTINCT ..) is not one: {} bytes", state.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_state_is_an_error() {
        for broken in
            [&[] as &[u8], &[2], &[VALUES, 1, 2], &[BITMAP, 0, 0], &[BITMAP, 0, 0, 0, 0, 9]]
        {
            assert!(read(broken).is_err(), "{broken:?}");
        }
    }
}
