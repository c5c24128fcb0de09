// SPDX-License-Identifier: Apache-2.0

import CLua

/// A kind of Swift object that scripts hold as a handle and call methods on.
///
/// The handle keeps the object alive until it is collected or closed. An object must not keep a `LuaFunctionRef` that
/// refers back to its own handle: neither side could free such a circle.
package final class LuaObjectType<Object: AnyObject> {
    package typealias Method = (Object, LuaCall) throws -> LuaReturn

    package let name: String
    let onClose: ((Object) -> Void)?
    private(set) var methods: [(name: String, body: Method)] = []

    /// - Parameter onClose: With it, handles have `close()`, may be `<close>` variables, and every other method fails
    ///   after that.
    package init(name: String, onClose: ((Object) -> Void)? = nil) {
        self.name = name
        self.onClose = onClose
    }

    /// Adds a method; only before the type is registered.
    @discardableResult
    package func method(_ name: String, _ body: @escaping Method) -> Self {
        methods.append((name, body))
        return self
    }

    /// Marks handles of this type.
    var tag: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    /// The object at a stack slot.
    func object(on l: OpaquePointer, at index: Int32) throws(LuaError) -> Object {
        guard let body = cl_object_body(l, index, tag) else {
            throw LuaError("\(name) expected, got \(LuaStack(l: l).typeName(at: index)): call its methods with ':'")
        }
        guard let object = body.pointee.object else { throw LuaError("\(name) is closed") }
        return Unmanaged<Object>.fromOpaque(object).takeUnretainedValue()
    }

    /// Lets go of the object; does nothing when that is done.
    func close(on l: OpaquePointer, at index: Int32) {
        guard let body = cl_object_body(l, index, tag), let pointer = body.pointee.object else { return }
        body.pointee.object = nil
        let object = Unmanaged<Object>.fromOpaque(pointer).takeRetainedValue()
        onClose?(object)
    }
}

extension LuaState {
    /// Makes a type known to this state, before any object of it is pushed.
    package func register<Object>(_ type: LuaObjectType<Object>) throws(LuaError) {
        guard !types.contains(where: { $0 === type }) else { return }
        let stack = try stack()
        let l = stack.l
        let top = stack.top
        defer { lua_settop(l, top) }
        types.append(type)
        registeredNames += type.methods.map { "\(type.name):\($0.name)" }
        lua_createtable(l, 0, Int32(clamping: type.methods.count + 1))
        for (name, body) in type.methods {
            add(name, of: type.name, to: stack) { call in try body(try type.object(on: call.l, at: 1), call) }
        }
        let methods = stack.top
        if type.onClose != nil {
            registeredNames.append("\(type.name):close")
            add("close", of: type.name, to: stack) { call in
                type.close(on: call.l, at: 1)
                return 0
            }
        }
        cl_push_object_metatable(l, type.tag, type.name, methods)
        if type.onClose != nil {
            add("__close", of: type.name, to: stack) { call in
                type.close(on: call.l, at: 1)
                return 0
            }
        }
    }

    private func add(_ name: String, of type: String, to stack: LuaStack, _ body: @escaping LuaHostBody) {
        stack.push(name)
        stack.push(
            function: retain(HostFunction(state: self, name: name, path: "\(type):\(name)", base: 1, body: body)))
        lua_rawset(stack.l, -3)
    }
}

extension LuaCall {
    /// Pushes a handle. Each push makes a new one; those of the same object are equal.
    package func push<Object>(_ object: Object, as type: LuaObjectType<Object>) throws {
        try state.register(type)
        guard lua_checkstack(l, 4) != 0 else { throw LuaError("too many values for Lua's stack") }
        cl_push_object(l, Unmanaged.passRetained(object).toOpaque(), type.tag)
    }

    /// The object of a handle.
    package func object<Object>(_ argument: Int, as type: LuaObjectType<Object>) throws -> Object {
        guard cl_object_body(l, slot(argument), type.tag) != nil else {
            throw argumentError(argument, expected: type.name)
        }
        return try type.object(on: l, at: slot(argument))
    }

    /// Closes the handle that the running method belongs to.
    package func closeSelf<Object>(_ type: LuaObjectType<Object>) {
        type.close(on: l, at: 1)
    }
}
