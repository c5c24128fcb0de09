// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime

extension Library {
    /// `files.write(name, text)`, `files.read(name)`, `files.list([prefix])`, `files.remove(name)`: files in the folder that the
    /// configuration sets aside for scripts.
    static func installFiles(in state: LuaState, for script: ScriptInstance) throws {
        func folder() throws -> ScriptFolder {
            guard let folder = script.context.files else {
                throw LuaError("files: the configuration names no folder (automation.files)")
            }
            return folder
        }
        try state.register("files.write") { call in
            try script.admitsChange("files.write")
            let (folder, name, bytes) = (try folder(), try call.string(1), try call.bytes(2) { Array($0) })
            if let recorder = script.context.recorder {
                recorder.note(PlannedChange("files.write", "\(name): \(ByteSize.text(Int64(bytes.count)))"))
            } else {
                try folder.write(name, bytes)
            }
            return 0
        }
        try state.register("files.read") { call in
            if let bytes = try folder().read(try call.string(1)) { call.push(bytes: bytes) } else { call.pushNil() }
            return 1
        }
        try state.register("files.list") { call in
            let files = try folder().list(prefix: try call.optionalString(1) ?? "")
            call.beginTable(array: files.count)
            for (index, file) in files.enumerated() {
                call.beginTable(fields: 3)
                call.setField("name", file.name)
                call.setField("size", file.size)
                call.setField("modified", file.modified)
                call.endElement(index + 1)
            }
            return 1
        }
        try state.register("files.remove") { call in
            try script.admitsChange("files.remove")
            let (folder, name) = (try folder(), try call.string(1))
            if let recorder = script.context.recorder {
                recorder.note(PlannedChange("files.remove", name))
                call.push(try folder.read(name) != nil)
            } else {
                call.push(try folder.remove(name))
            }
            return 1
        }
    }

    static let fileReference: [LibraryEntry] = [
        LibraryEntry(
            "files.write", "files.write(name, text)",
            """
            Puts a file into the folder that `automation.files` of the configuration names, in place of one that is there: a \
            reader finds the old or the new one, never a part. Names may have folders (`2026/may.csv`). All scripts share the \
            folder and its `quota`; a file may have 16 MB.
            """,
            example: #"files.write("usage.csv", "email,bytes\n")"#),
        LibraryEntry(
            "files.read", "files.read(name) -> text | nil", "The text of such a file; nil when there is none."),
        LibraryEntry(
            "files.list", "files.list([prefix]) -> list",
            "The files whose names begin so: `{ name, size, modified }`, by name."),
        LibraryEntry(
            "files.remove", "files.remove(name) -> boolean", "Removes such a file; false when there was none."),
    ]
}
