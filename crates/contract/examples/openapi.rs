//! Prints the description of the routes; `npm run describe` writes it to its file.

fn main() {
    print!("{}", contract::describe::openapi::text());
}
