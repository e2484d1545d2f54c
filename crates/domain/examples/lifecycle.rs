//! Prints the lifecycle of an order, as the code has it, for ARCHITECTURE.md.

#![allow(
    clippy::print_stdout,
    reason = "a program whose output is what it is for"
)]

fn main() {
    print!("{}", domain::lifecycle::document());
}
