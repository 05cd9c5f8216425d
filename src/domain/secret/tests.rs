//! Checks in the source code that no type that derives `Debug` has a secret in plain text.

use std::{fs, path::Path};

use syn::{Attribute, Field, Fields, ItemEnum, ItemStruct, Token, punctuated::Punctuated, visit::Visit};

/// Words in the names of types, variants and fields that hold a secret.
const WORDS: &[&str] = &[
    "secret",
    "token",
    "password",
    "credential",
    "signature",
    "statement",
    "private",
    "master",
    "user_identifier",
    "generic_key",
    "sealed",
];

/// Types whose `Debug` shows their content.
const PLAIN: &[&str] = &["String", "str", "u8", "Bytes", "HeaderValue", "HeaderMap", "Value"];

/// Fields with such a word in their name that hold no secret, and what they hold.
const HARMLESS: &[(&str, &str)] = &[
    ("CallerEntry.token_hash", "a hash of 256 random bits"),
    ("StatementGrant.statement", "the id of a statement"),
    ("StatementKeys.StatementKeys", "the ids of public keys"),
    ("Revocation.Statement", "the id of a statement"),
    ("Revocations.statements", "the ids of statements"),
];

#[derive(Default)]
struct Shown(Vec<String>);

impl Shown {
    fn check(&mut self, owner: &str, name: &str, fields: &Fields) {
        for field in fields {
            let own = field.ident.as_ref().map_or_else(|| name.to_owned(), ToString::to_string);
            let place = format!("{owner}.{own}");
            let is_harmless = HARMLESS.iter().any(|(harmless, _)| *harmless == place);
            if names_secret(&own) && is_plain(field) && !is_harmless {
                self.0.push(place);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Shown {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        if derives_debug(&item.attrs) {
            let name = item.ident.to_string();
            self.check(&name, &name, &item.fields);
        }
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        if derives_debug(&item.attrs) {
            for variant in &item.variants {
                self.check(&item.ident.to_string(), &variant.ident.to_string(), &variant.fields);
            }
        }
    }
}

fn derives_debug(attributes: &[Attribute]) -> bool {
    let derives = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let mut names = derives.filter_map(|attribute| {
        attribute.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated).ok()
    });
    names.any(|names| names.iter().any(|name| name.segments.last().is_some_and(|last| last.ident == "Debug")))
}

fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

fn is_plain(field: &Field) -> bool {
    #[derive(Default)]
    struct Plain(bool);
    impl<'ast> Visit<'ast> for Plain {
        fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
            self.0 |= PLAIN.iter().any(|plain| segment.ident == plain);
            syn::visit::visit_path_segment(self, segment);
        }
    }
    let mut plain = Plain::default();
    plain.visit_type(&field.ty);
    plain.0
}

fn shown_in(source: &str) -> Vec<String> {
    let file = syn::parse_file(source).expect("Rust");
    let mut shown = Shown::default();
    shown.visit_file(&file);
    shown.0
}

fn shown_below(folder: &Path, shown: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            shown_below(&path, shown);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("text");
            shown.extend(shown_in(&source).into_iter().map(|place| format!("{}: {place}", path.display())));
        }
    }
}

#[test]
fn no_type_that_derives_debug_holds_a_secret_in_plain_text() {
    let mut shown = Vec::new();
    shown_below(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut shown);
    assert!(shown.is_empty(), "make these `SecretText`, or list them as harmless: {shown:#?}");
}

#[test]
fn plain_text_secrets_are_found_in_every_position() {
    let source = r#"
        #[derive(Clone, Debug)] struct A { client_secret: Option<String>, token: SecretText, name: String }
        #[derive(std::fmt::Debug)] enum B { Token(Vec<u8>), Other { password: &'static str }, Name(String) }
        #[derive(Debug)] struct AccessToken(Box<str>);
        mod c { fn d() { #[derive(Debug)] struct E<'a> { signature: &'a [u8] } } }
        #[derive(Clone)] struct F { secret: String }
    "#;
    assert_eq!(
        shown_in(source),
        ["A.client_secret", "B.Token", "B.password", "AccessToken.AccessToken", "E.signature"]
    );
}
