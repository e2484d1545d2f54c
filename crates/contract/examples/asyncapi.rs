//! Prints the description of the live events; `npm run describe` writes it to its file.

fn main() {
    print!("{}", contract::describe::text());
}
