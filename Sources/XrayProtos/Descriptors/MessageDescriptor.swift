// SPDX-License-Identifier: Apache-2.0

/// A message type: its fields, found by number or name.
package final class MessageDescriptor: Sendable {
    package let name: String
    package let fullName: String
    /// The name of the file that declares it.
    package let file: String
    /// In the order of their numbers.
    package let fields: [FieldDescriptor]
    /// The names of the oneofs, without those that stand for `optional`.
    package let oneofs: [String]
    package let isMapEntry: Bool

    private let byNumber: [FieldDescriptor?]
    private let byLargeNumber: [Int: FieldDescriptor]
    private let byName: [String: FieldDescriptor]

    private static let denseNumbers = 128

    init(
        name: String, fullName: String, file: String, fields: [FieldDescriptor], oneofs: [String], isMapEntry: Bool
    ) {
        self.name = name
        self.fullName = fullName
        self.file = file
        self.fields = fields.sorted { $0.number < $1.number }
        self.oneofs = oneofs
        self.isMapEntry = isMapEntry
        let small = self.fields.filter { $0.number < Self.denseNumbers }
        var dense = [FieldDescriptor?](repeating: nil, count: (small.last?.number ?? 0) + 1)
        for field in small { dense[field.number] = field }
        byNumber = dense
        byLargeNumber = Dictionary(
            self.fields.dropFirst(small.count).map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        // The names of the .proto file win over JSON names.
        byName = Dictionary(
            self.fields.map { ($0.name, $0) } + self.fields.map { ($0.jsonName, $0) },
            uniquingKeysWith: { first, _ in first })
    }

    package func field(number: Int) -> FieldDescriptor? {
        if number >= 0, number < byNumber.count { return byNumber[number] }
        return byLargeNumber[number]
    }

    /// The field of that name, as written in the .proto file or in JSON.
    package func field(named name: String) -> FieldDescriptor? { byName[name] }

    /// The key of a map entry.
    package var mapKey: FieldDescriptor? { isMapEntry ? field(number: 1) : nil }
    /// The value of a map entry.
    package var mapValue: FieldDescriptor? { isMapEntry ? field(number: 2) : nil }
}

/// An enum type: its values, found by number or name.
package final class EnumDescriptor: Sendable {
    package struct Value: Sendable, Equatable {
        package let name: String
        package let number: Int32
    }

    package let name: String
    package let fullName: String
    package let file: String
    /// In the order of the .proto file.
    package let values: [Value]
    private let byNumber: [Int32: String]
    private let byName: [String: Int32]

    init(name: String, fullName: String, file: String, values: [Value]) {
        self.name = name
        self.fullName = fullName
        self.file = file
        self.values = values
        byNumber = Dictionary(values.map { ($0.number, $0.name) }, uniquingKeysWith: { first, _ in first })
        byName = Dictionary(values.map { ($0.name, $0.number) }, uniquingKeysWith: { first, _ in first })
    }

    package func name(of number: Int32) -> String? { byNumber[number] }
    package func number(named name: String) -> Int32? { byName[name] }
}
