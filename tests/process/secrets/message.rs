//! Messages with a value in every field, built from their descriptors, so that no field is forgotten.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet, field_descriptor_proto::Type};

/// The prefix of every string in a request that is not a configured name.
pub const MARK: &str = "planted-";

/// A method and its request type.
#[derive(Debug, Clone)]
pub struct Method {
    /// The path of the method.
    pub path: String,
    request: String,
}

/// The methods and messages of descriptor sets.
#[derive(Default)]
pub struct Contract {
    pub methods: Vec<Method>,
    messages: BTreeMap<String, DescriptorProto>,
}

impl Contract {
    /// Collects the methods and messages of these sets.
    pub fn of(sets: &[&[u8]]) -> Self {
        let mut contract = Self::default();
        for set in sets {
            for file in FileDescriptorSet::decode(*set).expect("decodes").file {
                for message in &file.message_type {
                    contract.add(&format!(".{}", file.package()), message);
                }
                for service in &file.service {
                    contract.methods.extend(service.method.iter().map(|method| Method {
                        path: format!("/{}.{}/{}", file.package(), service.name(), method.name()),
                        request: method.input_type().to_owned(),
                    }));
                }
            }
        }
        contract
    }

    fn add(&mut self, scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        for nested in &message.nested_type {
            self.add(&name, nested);
        }
        self.messages.insert(name, message.clone());
    }

    /// Builds a request of the method. Each oneof uses the alternative with this number, modulo the number of alternatives.
    pub fn request(&self, method: &Method, alternative: usize, text: &dyn Fn(&str) -> String) -> Vec<u8> {
        self.message(&method.request, alternative, text)
    }

    fn message(&self, name: &str, alternative: usize, text: &dyn Fn(&str) -> String) -> Vec<u8> {
        let message = &self.messages[name];
        let mut bytes = Vec::new();
        for field in message.field.iter().filter(|field| is_taken(message, field, alternative)) {
            match field.r#type() {
                Type::String | Type::Bytes => put(&mut bytes, field, text(field.name()).as_bytes()),
                Type::Message if field.type_name() == ".google.protobuf.Duration" => {
                    put(&mut bytes, field, &prost_types::Duration { seconds: 600, nanos: 0 }.encode_to_vec());
                }
                // At any depth.
                Type::Message if field.type_name() == ".google.protobuf.Struct" => {}
                Type::Message => put(&mut bytes, field, &self.message(field.type_name(), alternative, text)),
                Type::Bool | Type::Uint32 | Type::Int32 => {
                    put_number(&mut bytes, field.number() << 3);
                    put_number(&mut bytes, 1);
                }
                // Unspecified.
                Type::Enum => {}
                other => {
                    panic!("{name}.{} is of the type {other:?}: add a value for it here", field.name())
                }
            }
        }
        bytes
    }
}

/// Whether a field is in no oneof or is the chosen alternative.
fn is_taken(message: &DescriptorProto, field: &FieldDescriptorProto, alternative: usize) -> bool {
    let Some(oneof) = field.oneof_index.filter(|_| !field.proto3_optional()) else { return true };
    let all: Vec<_> = message.field.iter().filter(|other| other.oneof_index == Some(oneof)).collect();
    all[alternative % all.len()].number() == field.number()
}

fn put(bytes: &mut Vec<u8>, field: &FieldDescriptorProto, content: &[u8]) {
    put_number(bytes, field.number() << 3 | 2);
    put_number(bytes, content.len().try_into().expect("is short"));
    bytes.extend_from_slice(content);
}

/// Encodes a number as a varint.
fn put_number(bytes: &mut Vec<u8>, number: i32) {
    prost::encode_length_delimiter(number.try_into().expect("is not negative"), bytes).expect("has room");
}
