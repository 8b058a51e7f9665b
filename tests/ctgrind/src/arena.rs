//! An allocator that can be searched: everything that the program keeps stands
//! in one piece of memory, and nothing is given back.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::valgrind;

const SIZE: usize = 64 * 1024 * 1024;

#[global_allocator]
static ARENA: Arena = Arena {
    memory: UnsafeCell::new([0; SIZE]),
    used: AtomicUsize::new(0),
};

#[repr(align(4096))]
struct Arena {
    memory: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: each byte is handed out once.
unsafe impl Sync for Arena {}

// SAFETY: a block begins where it is aligned, and overlaps no other one.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut begin = 0;
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                begin = used.next_multiple_of(layout.align());
                begin.checked_add(layout.size()).filter(|end| *end <= SIZE)
            });
        match taken {
            // SAFETY: `begin` lies inside of the memory.
            Ok(_) => unsafe { self.memory.get().cast::<u8>().add(begin) },
            Err(_) => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

/// Tells memcheck to forget these words wherever they are kept.
///
/// # Panics
///
/// Where one of them is kept nowhere: then nothing would be watched.
pub fn forget(words: &[[u8; 8]]) {
    let used = ARENA.used.load(Ordering::Relaxed);
    // SAFETY: nobody writes meanwhile: the program has one thread.
    let memory = unsafe { std::slice::from_raw_parts(ARENA.memory.get().cast::<u8>(), used) };
    // All are looked for before the first is forgotten. What is looked at may
    // be anything, the rest of an old stack too.
    let places = valgrind::unwatched(|| {
        let places_of = |word: &[u8; 8]| {
            let found = memory
                .windows(8)
                .zip(0..)
                .filter(|(bytes, _)| bytes == word);
            found.map(|(_, place)| place).collect::<Vec<_>>()
        };
        words.iter().map(places_of).collect::<Vec<_>>()
    });
    let kept = places.iter().all(|places| !places.is_empty());
    assert!(kept, "every word of the secret is kept somewhere");
    for place in places.into_iter().flatten() {
        valgrind::forget(&memory[place..place + 8]);
    }
}
