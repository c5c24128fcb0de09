// SPDX-License-Identifier: Apache-2.0

/// A message of any type of a `DescriptorPool`, as a tree of values.
///
/// Fields without presence are absent when zero, as the wire has it. Types are checked when the message is encoded.
package struct DynamicMessage: Sendable {
    package let descriptor: MessageDescriptor
    /// The present fields by number.
    package private(set) var values: [Int: DynamicValue] = [:]

    package init(_ descriptor: MessageDescriptor) {
        self.descriptor = descriptor
    }

    package subscript(number number: Int) -> DynamicValue? {
        get { values[number] }
        set {
            if newValue != nil, let field = descriptor.field(number: number), field.oneofIndex != nil {
                for rival in Self.rivals(of: field, in: descriptor) { values[rival] = nil }
            }
            values[number] = newValue
        }
    }

    /// The field of that name, as in the .proto file or in JSON. Setting a name that does not exist changes nothing.
    package subscript(name: String) -> DynamicValue? {
        get { descriptor.field(named: name).flatMap { values[$0.number] } }
        set {
            if let field = descriptor.field(named: name) { self[number: field.number] = newValue }
        }
    }

    /// The present fields, in the order of their numbers.
    package var fields: [(field: FieldDescriptor, value: DynamicValue)] {
        descriptor.fields.compactMap { field in values[field.number].map { (field, $0) } }
    }

    /// The numbers of the other members of the field's oneof, which it pushes out.
    static func rivals(of field: FieldDescriptor, in descriptor: MessageDescriptor) -> [Int] {
        guard let oneof = field.oneofIndex else { return [] }
        return descriptor.fields.filter { $0.oneofIndex == oneof && $0.number != field.number }.map(\.number)
    }
}

extension DynamicMessage: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        left.descriptor === right.descriptor && left.values == right.values
    }
}
