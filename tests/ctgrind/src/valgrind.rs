//! Requests to valgrind while it runs the program.

use std::arch::asm;

/// The numbers of memcheck's requests have `MC` in their upper bytes.
const MAKE_MEM_UNDEFINED: u64 = 0x4d43_0001;

const MAKE_MEM_DEFINED: u64 = 0x4d43_0002;

/// A request to valgrind's core: whether it runs the program.
const RUNNING_ON_VALGRIND: u64 = 0x1001;

/// Makes memcheck treat memory as unwritten. Its content stays.
pub fn forget(memory: &[u8]) {
    mark(MAKE_MEM_UNDEFINED, memory);
}

/// Makes memcheck treat memory as written.
pub fn remember(memory: &[u8]) {
    mark(MAKE_MEM_DEFINED, memory);
}

fn mark(number: u64, memory: &[u8]) {
    request(number, memory.as_ptr() as u64, memory.len() as u64);
}

/// Declares that a verdict is public, and returns it.
pub fn publish(verdict: bool) -> bool {
    let byte = [u8::from(verdict)];
    remember(&byte);
    std::hint::black_box(byte) == [1]
}

pub fn is_watching() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0) != 0
}

/// Sends a request: four rotations that add up to none, and an exchange of a register
/// with itself, which valgrind recognizes (valgrind.h, amd64). On the bare processor
/// they have no effect, and the answer is 0.
fn request(number: u64, first: u64, second: u64) -> u64 {
    let request = [number, first, second, 0, 0, 0];
    let mut answer = 0_u64;
    // SAFETY: the rotations add up to 128 bits, which leaves rdi unchanged. Valgrind
    // reads only these six words of memory.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") request.as_ptr(),
            inout("rdx") answer,
        );
    }
    answer
}
