// The body of POST /sync/batch, read and checked: everything that can be told without the database.
//
// What is wrong with the form as a whole (no operations, no op_id to answer by, a group in pieces) refuses
// the request; what is wrong with one operation is told in its own result and holds nobody else up.

import Crypto
import Domain
import HTTP
import Journal
import Telemetry

/// A batch as it was sent. A value.
struct UploadForm {
    private(set) var groups: [[UploadOperation]] = []
    private(set) var isAtomic = false
    /// Of the form as a whole.
    private(set) var failures: [WriteFailure] = []

    static let groupBytesMax = 128
    private static let failuresMax = 20

    init(_ body: JSONValue, catalogue: EntityCatalogue, operationsMax: Int) {
        switch body["atomic"] {
        case nil, .null: break
        case .boolean(let flag): isAtomic = flag
        default: failures.append(("atomic", "The atomic field must be true or false."))
        }
        guard case .array(let operations) = body["operations"], !operations.isEmpty else {
            failures.append(("operations", "The operations field is required and must be a list."))
            return
        }
        guard operations.count <= operationsMax else {
            Limit.met.add(.uploadOperations)
            failures.append(
                ("operations", "The operations field must not have more than \(operationsMax) items."))
            return
        }
        var reader = GroupReader()
        for (index, operation) in operations.enumerated() {
            do {
                let isNew = try reader.begins(with: operation, at: index)
                let read = try OperationForm(operation, at: index, catalogue: catalogue).operation
                // The first of its group may have failed; then nothing of the form is used.
                if isNew || groups.isEmpty {
                    groups.append([read])
                } else {
                    groups[groups.count - 1].append(read)
                }
            } catch {
                failures.append((error.field, error.message))
                if failures.count == Self.failuresMax { return }
            }
        }
    }
}

/// What is wrong with the form itself.
private struct FormError: Error {
    let field: String
    let message: String

    init(_ index: Int, _ field: String?, _ message: String) {
        self.field = "operations.\(index)" + (field.map { ".\($0)" } ?? "")
        self.message = "The \(self.field) field \(message)."
    }
}

/// Sees to it that the operations of a group stand together. A value.
private struct GroupReader {
    private var last: [UInt8]?
    private var seen: Set<[UInt8]> = []

    /// Whether a group begins here.
    mutating func begins(with operation: JSONValue, at index: Int) throws(FormError) -> Bool {
        let name: [UInt8]?
        switch operation["group"] {
        case nil, .null: name = nil
        case .string(let text) where (1...UploadForm.groupBytesMax).contains(text.utf8.count):
            name = Array(text.utf8)
        default: throw FormError(index, "group", "must be a string of at most 128 bytes")
        }
        defer { last = name }
        guard let name else { return true }
        if name == last { return false }
        guard seen.insert(name).inserted else {
            throw FormError(index, "group", "must stand next to the others of its group")
        }
        return true
    }
}

/// One operation of the form. A value.
private struct OperationForm {
    private(set) var operation: UploadOperation
    private let json: JSONValue

    init(_ json: JSONValue, at index: Int, catalogue: EntityCatalogue) throws(FormError) {
        guard case .object(let members) = json else { throw FormError(index, nil, "must be an object") }
        guard let id = json["op_id"]?.string, OperationID.isValid(id) else {
            throw FormError(index, "op_id", "must be a UUID or a ULID")
        }
        self.json = json
        let content = members.filter { $0.name != "op_id" && $0.name != "group" }
        operation = UploadOperation(id: id, fingerprint: Fingerprint.of(.object(content)))
        read(catalogue)
    }

    private mutating func read(_ catalogue: EntityCatalogue) {
        guard let entity = entity(in: catalogue) else { return }
        operation.entity = entity.number
        guard let action = json["action"]?.string.flatMap(UploadOperation.Action.init) else {
            return complain("action", "The action field must be one of create, update, delete.")
        }
        operation.action = action
        readRecord()
        readBaseVersion()
        if action != .delete { readData(entity) }
        readClientID(entity)
    }

    /// A body can hold more mistakes than anybody wants to read.
    private static let failuresMax = 20

    private mutating func complain(_ field: String, _ message: String) {
        guard operation.failures.count < Self.failuresMax else { return }
        operation.failures.append((field, message))
    }

    private mutating func entity(in catalogue: EntityCatalogue) -> EntityDefinition? {
        if let name = json["entity"]?.string.flatMap(EntityName.init),
            let number = catalogue.number(named: name)
        {
            return catalogue[number]
        }
        complain("entity", "The selected entity is invalid.")
        return nil
    }

    private mutating func readRecord() {
        let id = json["id"].flatMap { $0 == .null ? nil : UploadValue($0) }
        switch (operation.action, id) {
        case (.create, nil): break
        case (.create, _): complain("id", "The id field is prohibited: ids are the server's.")
        case (_, .integer?), (_, .text?), (_, .reference?): operation.record = id
        default: complain("id", "The id field is required and must be an id or a reference.")
        }
    }

    private mutating func readBaseVersion() {
        switch json["base_version"].map(UploadValue.init) {
        case nil, .null: break
        case .integer(let version): operation.baseVersion = .number(version)
        case .reference(let other): operation.baseVersion = .reference(operation: other)
        default: complain("base_version", "The base version field must be an integer.")
        }
    }

    private mutating func readData(_ entity: EntityDefinition) {
        let data: [JSONValue.Member]
        switch json["data"] {
        case .object(let members): data = members
        case nil where operation.action == .create: data = []
        default: return complain("data", "The data field is required and must be an object.")
        }
        for member in data {
            guard let field = entity.writable.first(where: { $0.name == member.name }) else {
                complain(member.name, "The \(member.name) field is prohibited: devices do not write it.")
                continue
            }
            add(field, UploadValue(member.value))
        }
        if operation.action == .create {
            for field in entity.writable where field.isRequired {
                guard !data.contains(where: { $0.name == field.name }) else { continue }
                complain(field.name, "The \(field.title) field is required.")
            }
        }
        if case .object(let members) = json["base"] {
            for member in members { operation.base[member.name] = UploadValue(member.value) }
        } else if let base = json["base"], base != .null {
            complain("base", "The base field must be an object.")
        }
    }

    private mutating func add(_ field: WritableField, _ value: UploadValue) {
        if let complaint = field.complaint(about: value) { return complain(field.name, complaint) }
        operation.values.append((field, value))
    }

    /// The device's own name of a record it creates, kept in the entity's `client_id` if it has one.
    private mutating func readClientID(_ entity: EntityDefinition) {
        switch json["client_id"] {
        case nil, .null: return
        case .string(let text) where (1...64).contains(text.utf8.count): operation.clientID = text
        default: return complain("client_id", "The client id field must be a string of at most 64 bytes.")
        }
        guard operation.action == .create, let own = operation.clientID,
            let field = entity.writable.first(where: { $0.name == "client_id" }),
            !operation.values.contains(where: { $0.field == field })
        else { return }
        add(field, .text(own))
    }
}

extension UploadValue {
    init(_ json: JSONValue) {
        switch json {
        case .null: self = .null
        case .boolean(let flag): self = .boolean(flag)
        case .number(let text): self = Int64(text).map(UploadValue.integer) ?? .decimal(text)
        case .string(let text): self = .text(text)
        case .object(let members) where members.count == 1 && members[0].name == "$ref":
            if case .string(let operation) = members[0].value {
                self = .reference(operation: operation)
            } else {
                self = .json(Fingerprint.canonical(json))
            }
        case .array, .object: self = .json(Fingerprint.canonical(json))
        }
    }
}

/// What operations are called.
enum OperationID {
    /// A UUID (RFC 9562) or a ULID, in either case.
    static func isValid(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        if bytes.count == 26 {
            return (0x30...0x37).contains(bytes[0]) && bytes.allSatisfy(isCrockford)
        }
        guard bytes.count == 36 else { return false }
        return bytes.enumerated().allSatisfy { index, byte in
            [8, 13, 18, 23].contains(index) ? byte == 0x2D : isHex(byte)
        }
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }

    private static func isCrockford(_ byte: UInt8) -> Bool {
        "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz".utf8.contains(byte)
    }
}

/// One form for what means the same: members in the order of their names.
enum Fingerprint {
    static func of(_ json: JSONValue) -> String { of(canonical(json)) }

    /// SHA-256 in hex.
    static func of(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    static func canonical(_ json: JSONValue) -> [UInt8] {
        var writer = JSONWriter()
        write(json, to: &writer)
        return writer.bytes
    }

    private static func write(_ json: JSONValue, to writer: inout JSONWriter) {
        switch json {
        case .null: writer.raw("null")
        case .boolean(let flag): writer.boolean(flag)
        case .number(let text): writer.raw(Array(text.utf8))
        case .string(let text): writer.string(text)
        case .array(let elements):
            writer.byte(0x5B)
            for (index, element) in elements.enumerated() {
                if index > 0 { writer.byte(0x2C) }
                write(element, to: &writer)
            }
            writer.byte(0x5D)
        case .object(let members):
            writer.byte(0x7B)
            let sorted = members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            for (index, member) in sorted.enumerated() {
                if index > 0 { writer.byte(0x2C) }
                writer.name(member.name)
                write(member.value, to: &writer)
            }
            writer.byte(0x7D)
        }
    }
}
