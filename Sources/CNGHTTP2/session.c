// SPDX-License-Identifier: Apache-2.0
#include "cnghttp2.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

enum {
    // A stream's body buffer above this size is given back to the allocator when the stream ends.
    kept_body_capacity = 4096,
    // The same for the events and header blocks of one receive call.
    kept_scratch_capacity = 1 << 18,
    // Header fields of one message that are built on the stack.
    stack_fields = 16
};

typedef struct stream {
    int32_t id;  // 0 when the slot is free
    uint32_t slot;
    uint8_t remote_closed;
    uint8_t started;   // response or request headers are queued
    uint8_t finished;  // nothing more will be appended to the body
    uint8_t deferred;  // nghttp2 waits for cnghttp2_write or cnghttp2_finish
    uint8_t ok_trailers;
    uint8_t local_closed;  // END_STREAM was sent
    uint8_t stops_peer;    // the peer is told to stop when our side has ended
    uint8_t keeps_body;    // the caller has the body; only its length is known here
    size_t offered;        // of such a body
    uint8_t *trailers;
    size_t trailers_length;
    uint8_t *body;
    size_t body_offset, body_length, body_capacity;
    struct stream *next_free;
} stream;

struct cnghttp2_session {
    nghttp2_session *nghttp2;
    int is_server;
    uint32_t max_header_list_size;

    const uint8_t *input;
    size_t input_length;

    cnghttp2_event *events;
    size_t event_count, event_capacity;

    uint8_t *blocks;
    size_t blocks_length, blocks_capacity;
    size_t block_start;  // where the block now being received begins
    uint64_t block_list_size;

    uint8_t *output;  // of the cnghttp2_send that runs
    size_t output_length, output_budget;
    cnghttp2_splice *splices;
    size_t splice_count, splice_capacity;
    size_t spliced_length;

    const uint8_t *frame;  // the rest of nghttp2's last output, valid until its next mem_send
    size_t frame_length;

    stream **streams;
    uint32_t stream_slots, stream_capacity;
    stream *free_streams;
};

// MARK: - Streams

static stream *stream_take(cnghttp2_session *session, int32_t id) {
    stream *taken = session->free_streams;
    if (taken != NULL) {
        session->free_streams = taken->next_free;
    } else {
        if (session->stream_slots == session->stream_capacity) {
            uint32_t capacity = session->stream_capacity == 0 ? 16 : session->stream_capacity * 2;
            stream **grown = realloc(session->streams, capacity * sizeof(*grown));
            if (grown == NULL) {
                return NULL;
            }
            session->streams = grown;
            session->stream_capacity = capacity;
        }
        taken = calloc(1, sizeof(*taken));
        if (taken == NULL) {
            return NULL;
        }
        taken->slot = session->stream_slots;
        session->streams[session->stream_slots++] = taken;
    }
    taken->id = id;
    taken->stops_peer = session->is_server != 0;
    taken->next_free = NULL;
    return taken;
}

static void stream_release(cnghttp2_session *session, stream *ended) {
    free(ended->trailers);
    ended->trailers = NULL;
    ended->trailers_length = 0;
    if (ended->body_capacity > kept_body_capacity) {
        free(ended->body);
        ended->body = NULL;
        ended->body_capacity = 0;
    }
    ended->body_offset = ended->body_length = ended->offered = 0;
    ended->id = 0;
    ended->remote_closed = ended->started = ended->finished = ended->deferred = ended->ok_trailers = 0;
    ended->local_closed = ended->stops_peer = ended->keeps_body = 0;
    ended->next_free = session->free_streams;
    session->free_streams = ended;
}

static stream *stream_find(const cnghttp2_session *session, uint32_t slot, int32_t id) {
    if (slot >= session->stream_slots || id <= 0 || session->streams[slot]->id != id) {
        return NULL;
    }
    return session->streams[slot];
}

static int body_append(stream *target, const uint8_t *message, size_t length, int compressed) {
    if (length > UINT32_MAX - 5) {
        return NGHTTP2_ERR_INVALID_ARGUMENT;
    }
    if (target->body_offset == target->body_length) {
        target->body_offset = target->body_length = 0;
    }
    size_t needed = target->body_length + length + 5;
    if (needed > target->body_capacity && target->body_offset > 0) {
        size_t rest = target->body_length - target->body_offset;
        memmove(target->body, target->body + target->body_offset, rest);
        target->body_offset = 0;
        target->body_length = rest;
        needed = rest + length + 5;
    }
    if (needed > target->body_capacity) {
        size_t capacity = target->body_capacity * 2;
        if (capacity < 256) {
            capacity = 256;
        }
        if (capacity < needed) {
            capacity = needed;
        }
        uint8_t *grown = realloc(target->body, capacity);
        if (grown == NULL) {
            return NGHTTP2_ERR_NOMEM;
        }
        target->body = grown;
        target->body_capacity = capacity;
    }
    uint8_t *end = target->body + target->body_length;
    end[0] = compressed ? 1 : 0;
    end[1] = (uint8_t)(length >> 24);
    end[2] = (uint8_t)(length >> 16);
    end[3] = (uint8_t)(length >> 8);
    end[4] = (uint8_t)length;
    if (length > 0) {
        memcpy(end + 5, message, length);
    }
    target->body_length += length + 5;
    return 0;
}

// MARK: - Header blocks

#define FIELD(text, code)                                            \
    if (length == sizeof(text) - 1 && memcmp(name, text, length) == 0) { \
        return code;                                                 \
    }

uint32_t cnghttp2_token(const uint8_t *name, size_t length) {
    switch (length) {
    case 2:
        FIELD("te", CNGHTTP2_FIELD_TE)
        break;
    case 5:
        FIELD(":path", CNGHTTP2_FIELD_PATH)
        break;
    case 7:
        FIELD(":method", CNGHTTP2_FIELD_METHOD)
        FIELD(":scheme", CNGHTTP2_FIELD_SCHEME)
        FIELD(":status", CNGHTTP2_FIELD_STATUS)
        break;
    case 10:
        FIELD(":authority", CNGHTTP2_FIELD_AUTHORITY)
        break;
    case 11:
        FIELD("grpc-status", CNGHTTP2_FIELD_GRPC_STATUS)
        break;
    case 12:
        FIELD("content-type", CNGHTTP2_FIELD_CONTENT_TYPE)
        FIELD("grpc-timeout", CNGHTTP2_FIELD_GRPC_TIMEOUT)
        FIELD("grpc-message", CNGHTTP2_FIELD_GRPC_MESSAGE)
        break;
    case 13:
        FIELD("grpc-encoding", CNGHTTP2_FIELD_GRPC_ENCODING)
        break;
    case 20:
        FIELD("grpc-accept-encoding", CNGHTTP2_FIELD_GRPC_ACCEPT_ENCODING)
        break;
    default:
        break;
    }
    return CNGHTTP2_FIELD_OTHER;
}

static int blocks_append(
    cnghttp2_session *session, const uint8_t *name, size_t name_length, const uint8_t *value, size_t value_length) {
    cnghttp2_field field = {
        .token = cnghttp2_token(name, name_length),
        .name_length = (uint32_t)name_length,
        .value_length = (uint32_t)value_length,
    };
    size_t needed = session->blocks_length + sizeof(field) + name_length + value_length;
    if (needed > session->blocks_capacity) {
        size_t capacity = session->blocks_capacity == 0 ? 4096 : session->blocks_capacity * 2;
        if (capacity < needed) {
            capacity = needed;
        }
        uint8_t *grown = realloc(session->blocks, capacity);
        if (grown == NULL) {
            return NGHTTP2_ERR_NOMEM;
        }
        session->blocks = grown;
        session->blocks_capacity = capacity;
    }
    uint8_t *end = session->blocks + session->blocks_length;
    memcpy(end, &field, sizeof(field));
    end += sizeof(field);
    if (name_length > 0) {
        memcpy(end, name, name_length);
    }
    if (value_length > 0) {
        memcpy(end + name_length, value, value_length);
    }
    session->blocks_length = needed;
    return 0;
}

// Points name-value pairs into a block. Uses `fixed` when they fit, else allocates; the caller frees what is not `fixed`.
static nghttp2_nv *block_fields(const uint8_t *block, size_t length, nghttp2_nv *fixed, size_t *count) {
    size_t found = 0;
    for (int pass = 0; pass < 2; pass++) {
        nghttp2_nv *fields = fixed;
        if (pass == 1) {
            if (found > stack_fields) {
                fields = malloc(found * sizeof(*fields));
                if (fields == NULL) {
                    return NULL;
                }
            }
            *count = found;
        }
        size_t index = 0;
        size_t cursor = 0;
        cnghttp2_field field;
        while (length - cursor >= sizeof(field)) {
            memcpy(&field, block + cursor, sizeof(field));
            cursor += sizeof(field);
            if (field.name_length > length - cursor || field.value_length > length - cursor - field.name_length) {
                break;
            }
            if (pass == 1) {
                fields[index].name = (uint8_t *)(uintptr_t)block + cursor;
                fields[index].namelen = field.name_length;
                fields[index].value = (uint8_t *)(uintptr_t)block + cursor + field.name_length;
                fields[index].valuelen = field.value_length;
                fields[index].flags = NGHTTP2_NV_FLAG_NONE;
            }
            cursor += field.name_length + field.value_length;
            index++;
        }
        if (pass == 1) {
            return fields;
        }
        found = index;
    }
    return NULL;
}

#define STATIC_NV(field_name, field_value)                                                              \
    {                                                                                                   \
        (uint8_t *)(field_name), (uint8_t *)(field_value), sizeof(field_name) - 1, sizeof(field_value) - 1, \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                                \
    }

static const nghttp2_nv plain_response[] = {
    STATIC_NV(":status", "200"), STATIC_NV("content-type", "application/grpc")};
static const nghttp2_nv gzip_response[] = {
    STATIC_NV(":status", "200"), STATIC_NV("content-type", "application/grpc"), STATIC_NV("grpc-encoding", "gzip")};
static const nghttp2_nv ok_trailers[] = {STATIC_NV("grpc-status", "0")};

// MARK: - Events

static cnghttp2_event *event_append(cnghttp2_session *session, cnghttp2_event_kind kind, const stream *source) {
    if (session->event_count == session->event_capacity) {
        size_t capacity = session->event_capacity == 0 ? 64 : session->event_capacity * 2;
        cnghttp2_event *grown = realloc(session->events, capacity * sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        session->events = grown;
        session->event_capacity = capacity;
    }
    cnghttp2_event *event = &session->events[session->event_count++];
    memset(event, 0, sizeof(*event));
    event->kind = kind;
    if (source != NULL) {
        event->stream_id = source->id;
        event->slot = source->slot;
    }
    return event;
}

size_t cnghttp2_event_count(const cnghttp2_session *session) { return session->event_count; }

cnghttp2_event cnghttp2_event_at(const cnghttp2_session *session, size_t index) {
    cnghttp2_event none = {0};
    return index < session->event_count ? session->events[index] : none;
}

const uint8_t *cnghttp2_blocks(const cnghttp2_session *session) { return session->blocks; }

void cnghttp2_clear_events(cnghttp2_session *session) {
    session->event_count = 0;
    if (session->event_capacity * sizeof(cnghttp2_event) > kept_scratch_capacity) {
        free(session->events);
        session->events = NULL;
        session->event_capacity = 0;
    }
    size_t rest = session->blocks_length - session->block_start;
    if (rest > 0 && session->block_start > 0) {
        memmove(session->blocks, session->blocks + session->block_start, rest);
    }
    session->blocks_length = rest;
    session->block_start = 0;
    if (session->blocks_capacity > kept_scratch_capacity && rest == 0) {
        free(session->blocks);
        session->blocks = NULL;
        session->blocks_capacity = 0;
    }
}

// MARK: - Callbacks: each only records what happened

static int on_begin_headers(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user_data) {
    cnghttp2_session *session = user_data;
    session->blocks_length = session->block_start;
    session->block_list_size = 0;
    if (session->is_server && frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        stream *opened = stream_take(session, frame->hd.stream_id);
        if (opened == NULL || nghttp2_session_set_stream_user_data(nghttp2, frame->hd.stream_id, opened) != 0) {
            if (opened != NULL) {
                stream_release(session, opened);
            }
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return 0;
}

static int on_header(
    nghttp2_session *nghttp2, const nghttp2_frame *frame, const uint8_t *name, size_t name_length, const uint8_t *value,
    size_t value_length, uint8_t flags, void *user_data) {
    (void)nghttp2;
    (void)frame;
    (void)flags;
    cnghttp2_session *session = user_data;
    session->block_list_size += name_length + value_length + 32;
    if (session->block_list_size > session->max_header_list_size) {
        session->blocks_length = session->block_start;
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return blocks_append(session, name, name_length, value, value_length) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame_recv(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user_data) {
    cnghttp2_session *session = user_data;
    cnghttp2_event *event;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA: {
        stream *source = nghttp2_session_get_stream_user_data(nghttp2, frame->hd.stream_id);
        if (frame->hd.type == NGHTTP2_HEADERS) {
            size_t start = session->block_start;
            session->block_start = session->blocks_length;
            if (source != NULL) {
                event = event_append(session, CNGHTTP2_EVENT_HEADERS, source);
                if (event == NULL) {
                    return NGHTTP2_ERR_CALLBACK_FAILURE;
                }
                event->is_trailers = frame->headers.cat == NGHTTP2_HCAT_HEADERS;
                event->offset = (uint32_t)start;
                event->length = (uint32_t)(session->blocks_length - start);
            }
        }
        if (source != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            source->remote_closed = 1;
            if (event_append(session, CNGHTTP2_EVENT_END_STREAM, source) == NULL) {
                return NGHTTP2_ERR_CALLBACK_FAILURE;
            }
        }
        return 0;
    }
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0
            && event_append(session, CNGHTTP2_EVENT_SETTINGS, NULL) == NULL) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        return 0;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0
            && event_append(session, CNGHTTP2_EVENT_PING_ACK, NULL) == NULL) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        return 0;
    case NGHTTP2_GOAWAY:
        event = event_append(session, CNGHTTP2_EVENT_GOAWAY, NULL);
        if (event == NULL) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        event->stream_id = frame->goaway.last_stream_id;
        event->code = frame->goaway.error_code;
        return 0;
    default:
        return 0;
    }
}

static int on_data_chunk_recv(
    nghttp2_session *nghttp2, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t length, void *user_data) {
    cnghttp2_session *session = user_data;
    stream *source = nghttp2_session_get_stream_user_data(nghttp2, stream_id);
    uintptr_t offset = (uintptr_t)data - (uintptr_t)session->input;
    if (offset > session->input_length || length > session->input_length - offset) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (source == NULL) {
        // Nobody will take these octets: credit them, or the connection's window leaks shut.
        return nghttp2_session_consume(nghttp2, stream_id, length) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    cnghttp2_event *event = event_append(session, CNGHTTP2_EVENT_DATA, source);
    if (event == NULL) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    event->offset = (uint32_t)offset;
    event->length = (uint32_t)length;
    event->ends_stream = (flags & NGHTTP2_FLAG_END_STREAM) != 0;
    return 0;
}

static int on_stream_close(nghttp2_session *nghttp2, int32_t stream_id, uint32_t code, void *user_data) {
    cnghttp2_session *session = user_data;
    stream *ended = nghttp2_session_get_stream_user_data(nghttp2, stream_id);
    if (ended == NULL) {
        return 0;
    }
    cnghttp2_event *event = event_append(session, CNGHTTP2_EVENT_CLOSED, ended);
    nghttp2_session_set_stream_user_data(nghttp2, stream_id, NULL);
    stream_release(session, ended);
    if (event == NULL) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    event->code = code;
    return 0;
}

static int stop_peer(cnghttp2_session *session, const stream *ended) {
    uint32_t code = session->is_server ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL;
    return nghttp2_submit_rst_stream(session->nghttp2, NGHTTP2_FLAG_NONE, ended->id, code);
}

static int on_frame_send(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user_data) {
    cnghttp2_session *session = user_data;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0
        || (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)) {
        return 0;
    }
    stream *sender = nghttp2_session_get_stream_user_data(nghttp2, frame->hd.stream_id);
    if (sender == NULL) {
        return 0;
    }
    sender->local_closed = 1;
    // The answer is out and the request is not wholly in: tell the peer to stop (RFC 9113, 8.1). Done here and not
    // earlier because a queued RST_STREAM cancels what is queued for the stream.
    if (!sender->remote_closed && sender->stops_peer) {
        stop_peer(session, sender);
    }
    return 0;
}

// Writes the header of a DATA frame whose octets the caller has, and notes where they belong.
static int splice_body(
    nghttp2_session *nghttp2, nghttp2_frame *frame, const uint8_t *header, size_t length, nghttp2_data_source *source,
    void *user_data) {
    (void)nghttp2;
    cnghttp2_session *session = user_data;
    const stream *sender = source->ptr;
    if (session->splice_count == session->splice_capacity) {
        size_t capacity = session->splice_capacity == 0 ? 16 : session->splice_capacity * 2;
        cnghttp2_splice *grown = realloc(session->splices, capacity * sizeof(*grown));
        if (grown == NULL) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        session->splices = grown;
        session->splice_capacity = capacity;
    }
    // There is room: the budget leaves some.
    memcpy(session->output + session->output_length, header, CNGHTTP2_FRAME_HEADER);
    session->output_length += CNGHTTP2_FRAME_HEADER;
    session->splices[session->splice_count++] = (cnghttp2_splice){
        .slot = sender->slot,
        .stream_id = frame->hd.stream_id,
        .offset = (uint32_t)session->output_length,
        .length = (uint32_t)length,
    };
    session->spliced_length += length;
    // Paused, nghttp2 counts the frame as sent and returns.
    return session->output_length + session->spliced_length >= session->output_budget ? NGHTTP2_ERR_PAUSE : 0;
}

static ssize_t read_body(
    nghttp2_session *nghttp2, int32_t stream_id, uint8_t *output, size_t length, uint32_t *flags,
    nghttp2_data_source *source, void *user_data) {
    const cnghttp2_session *session = user_data;
    stream *sender = source->ptr;
    size_t rest = sender->keeps_body ? sender->offered : sender->body_length - sender->body_offset;
    size_t count = rest < length ? rest : length;
    if (count > 0 && sender->keeps_body) {
        sender->offered -= count;
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    } else if (count > 0) {
        memcpy(output, sender->body + sender->body_offset, count);
        sender->body_offset += count;
    }
    if (count < rest) {
        return (ssize_t)count;
    }
    if (!sender->finished) {
        if (count == 0) {
            sender->deferred = 1;
            return NGHTTP2_ERR_DEFERRED;
        }
        return (ssize_t)count;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (session->is_server) {
        // Submitted before, the trailers would overtake the body.
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        int result;
        if (sender->ok_trailers) {
            result = nghttp2_submit_trailer(nghttp2, stream_id, ok_trailers, 1);
        } else {
            nghttp2_nv fixed[stack_fields];
            size_t fields_count = 0;
            nghttp2_nv *fields = block_fields(sender->trailers, sender->trailers_length, fixed, &fields_count);
            result = fields == NULL ? NGHTTP2_ERR_NOMEM
                                    : nghttp2_submit_trailer(nghttp2, stream_id, fields, fields_count);
            if (fields != fixed) {
                free(fields);
            }
        }
        if (result != 0) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)count;
}

// MARK: - Session

cnghttp2_session *cnghttp2_session_new(const cnghttp2_options *options) {
    cnghttp2_session *session = calloc(1, sizeof(*session));
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    if (session == NULL || nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) {
        goto failed;
    }
    session->is_server = options->is_server;
    session->max_header_list_size = options->max_header_list_size;

    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, splice_body);

    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    /* grpc-go sends status messages that begin with a space (" not found.") as they are. */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);

    if (options->reset_burst > 0) {
        nghttp2_option_set_stream_reset_rate_limit(option, options->reset_burst, options->reset_rate);
    }

    int result = options->is_server ? nghttp2_session_server_new2(&session->nghttp2, callbacks, session, option)
                                    : nghttp2_session_client_new2(&session->nghttp2, callbacks, session, option);
    if (result != 0) {
        goto failed;
    }
    nghttp2_settings_entry settings[5];
    size_t count = 0;
    settings[count++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options->stream_window};
    settings[count++] =
        (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options->max_header_list_size};
    if (options->is_server) {
        settings[count++] =
            (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options->max_concurrent_streams};
    } else {
        settings[count++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    }
    settings[count++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1};
    if (nghttp2_submit_settings(session->nghttp2, NGHTTP2_FLAG_NONE, settings, count) != 0
        || nghttp2_session_set_local_window_size(
               session->nghttp2, NGHTTP2_FLAG_NONE, 0, (int32_t)options->connection_window)
               != 0) {
        goto failed;
    }
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    return session;

failed:
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    cnghttp2_session_free(session);
    return NULL;
}

void cnghttp2_session_free(cnghttp2_session *session) {
    if (session == NULL) {
        return;
    }
    nghttp2_session_del(session->nghttp2);
    for (uint32_t slot = 0; slot < session->stream_slots; slot++) {
        free(session->streams[slot]->trailers);
        free(session->streams[slot]->body);
        free(session->streams[slot]);
    }
    free(session->streams);
    free(session->events);
    free(session->blocks);
    free(session->splices);
    free(session);
}

// nghttp2 1.60 renamed these two; both names are called here alone.
static inline ssize_t memory_receive(nghttp2_session *nghttp2, const uint8_t *input, size_t length) {
    return nghttp2_session_mem_recv(nghttp2, input, length);
}

static inline ssize_t memory_send(nghttp2_session *nghttp2, const uint8_t **output) {
    return nghttp2_session_mem_send(nghttp2, output);
}

int cnghttp2_receive(cnghttp2_session *session, const uint8_t *input, size_t length) {
    if (length > UINT32_MAX) {
        return NGHTTP2_ERR_INVALID_ARGUMENT;
    }
    session->input = input;
    session->input_length = length;
    ssize_t result = memory_receive(session->nghttp2, input, length);
    session->input = NULL;
    session->input_length = 0;
    // A non-negative result is always the whole length: no callback pauses.
    return result < 0 ? (int)result : 0;
}

ptrdiff_t cnghttp2_send(cnghttp2_session *session, uint8_t *output, size_t capacity) {
    session->output = output;
    session->output_budget = capacity > CNGHTTP2_FRAME_HEADER ? capacity - CNGHTTP2_FRAME_HEADER : 0;
    session->output_length = 0;
    session->splice_count = 0;
    session->spliced_length = 0;
    ptrdiff_t failure = 0;
    // Each turn fills output or ends the loop.
    while (session->output_length + session->spliced_length < session->output_budget) {
        if (session->frame_length == 0) {
            ssize_t result = memory_send(session->nghttp2, &session->frame);
            if (result <= 0) {
                failure = result;
                break;
            }
            session->frame_length = (size_t)result;
        }
        size_t room = session->output_budget - session->output_length;
        size_t count = session->frame_length < room ? session->frame_length : room;
        memcpy(output + session->output_length, session->frame, count);
        session->frame += count;
        session->frame_length -= count;
        session->output_length += count;
    }
    session->output = NULL;
    return failure < 0 ? failure : (ptrdiff_t)session->output_length;
}

size_t cnghttp2_splice_count(const cnghttp2_session *session) { return session->splice_count; }

cnghttp2_splice cnghttp2_splice_at(const cnghttp2_session *session, size_t index) {
    cnghttp2_splice none = {0};
    return index < session->splice_count ? session->splices[index] : none;
}

int cnghttp2_wants_read(const cnghttp2_session *session) { return nghttp2_session_want_read(session->nghttp2); }

int cnghttp2_wants_write(const cnghttp2_session *session) {
    return session->frame_length > 0 || nghttp2_session_want_write(session->nghttp2);
}

const char *cnghttp2_strerror(int error) { return nghttp2_strerror(error); }

// MARK: - Output

static nghttp2_data_provider body_provider(stream *sender) {
    nghttp2_data_provider provider = {.source = {.ptr = sender}, .read_callback = read_body};
    return provider;
}

int cnghttp2_respond_unary(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *message, size_t length,
    int compressed) {
    stream *sender = stream_find(session, slot, stream_id);
    if (sender == NULL || sender->started || body_append(sender, message, length, compressed) != 0) {
        return -1;
    }
    sender->started = sender->finished = sender->ok_trailers = 1;
    nghttp2_data_provider provider = body_provider(sender);
    return compressed ? nghttp2_submit_response(session->nghttp2, stream_id, gzip_response, 3, &provider)
                      : nghttp2_submit_response(session->nghttp2, stream_id, plain_response, 2, &provider);
}

static int respond(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *block, size_t length, int with_body,
    int keeps_body) {
    stream *sender = stream_find(session, slot, stream_id);
    if (sender == NULL || sender->started) {
        return -1;
    }
    nghttp2_nv fixed[stack_fields];
    size_t count = 0;
    nghttp2_nv *fields = block_fields(block, length, fixed, &count);
    if (fields == NULL) {
        return NGHTTP2_ERR_NOMEM;
    }
    sender->started = 1;
    sender->finished = !with_body;
    sender->keeps_body = keeps_body != 0;
    sender->stops_peer = !keeps_body;
    nghttp2_data_provider provider = body_provider(sender);
    int result = nghttp2_submit_response(session->nghttp2, stream_id, fields, count, with_body ? &provider : NULL);
    if (fields != fixed) {
        free(fields);
    }
    return result;
}

int cnghttp2_respond(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *block, size_t length, int keeps_body) {
    return respond(session, slot, stream_id, block, length, 1, keeps_body);
}

int cnghttp2_respond_headers_only(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *block, size_t length) {
    return respond(session, slot, stream_id, block, length, 0, 0);
}

int32_t cnghttp2_request(
    cnghttp2_session *session, const uint8_t *block, size_t length, int keeps_body, uint32_t *slot) {
    nghttp2_nv fixed[stack_fields];
    size_t count = 0;
    nghttp2_nv *fields = block_fields(block, length, fixed, &count);
    if (fields == NULL) {
        return NGHTTP2_ERR_NOMEM;
    }
    // A provisional id keeps the slot taken until nghttp2 names the stream.
    stream *sender = stream_take(session, INT32_MAX);
    int32_t result = NGHTTP2_ERR_NOMEM;
    if (sender != NULL) {
        nghttp2_data_provider provider = body_provider(sender);
        result = nghttp2_submit_request(session->nghttp2, NULL, fields, count, &provider, sender);
        if (result > 0) {
            sender->id = result;
            sender->started = 1;
            sender->keeps_body = keeps_body != 0;
            *slot = sender->slot;
        } else {
            stream_release(session, sender);
        }
    }
    if (fields != fixed) {
        free(fields);
    }
    return result;
}

static int resume(cnghttp2_session *session, stream *sender) {
    if (!sender->deferred) {
        return 0;
    }
    sender->deferred = 0;
    return nghttp2_session_resume_data(session->nghttp2, sender->id);
}

int cnghttp2_write(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *message, size_t length,
    int compressed) {
    stream *sender = stream_find(session, slot, stream_id);
    if (sender == NULL || !sender->started || sender->finished || sender->keeps_body) {
        return -1;
    }
    int result = body_append(sender, message, length, compressed);
    return result != 0 ? result : resume(session, sender);
}

int cnghttp2_offer(cnghttp2_session *session, uint32_t slot, int32_t stream_id, size_t length) {
    stream *sender = stream_find(session, slot, stream_id);
    if (sender == NULL || !sender->keeps_body || sender->finished) {
        return -1;
    }
    sender->offered += length;
    return resume(session, sender);
}

int cnghttp2_finish(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *trailers, size_t length) {
    stream *sender = stream_find(session, slot, stream_id);
    if (sender == NULL || !sender->started || sender->finished) {
        return -1;
    }
    if (length > 0) {
        sender->trailers = malloc(length);
        if (sender->trailers == NULL) {
            return NGHTTP2_ERR_NOMEM;
        }
        memcpy(sender->trailers, trailers, length);
        sender->trailers_length = length;
    }
    sender->finished = 1;
    return resume(session, sender);
}

size_t cnghttp2_pending(const cnghttp2_session *session, uint32_t slot, int32_t stream_id) {
    const stream *sender = stream_find(session, slot, stream_id);
    return sender == NULL ? 0 : sender->body_length - sender->body_offset + sender->offered;
}

int cnghttp2_release(cnghttp2_session *session, uint32_t slot, int32_t stream_id) {
    stream *released = stream_find(session, slot, stream_id);
    if (released == NULL) {
        return -1;
    }
    released->stops_peer = 1;
    return released->local_closed && !released->remote_closed ? stop_peer(session, released) : 0;
}

int cnghttp2_reset(cnghttp2_session *session, int32_t stream_id, uint32_t code) {
    return nghttp2_submit_rst_stream(session->nghttp2, NGHTTP2_FLAG_NONE, stream_id, code);
}

int cnghttp2_consume_stream(cnghttp2_session *session, int32_t stream_id, size_t length) {
    return nghttp2_session_consume_stream(session->nghttp2, stream_id, length);
}

int cnghttp2_consume_connection(cnghttp2_session *session, size_t length) {
    return nghttp2_session_consume_connection(session->nghttp2, length);
}

int cnghttp2_submit_ping(cnghttp2_session *session) {
    return nghttp2_submit_ping(session->nghttp2, NGHTTP2_FLAG_NONE, NULL);
}

size_t cnghttp2_queued_frames(const cnghttp2_session *session) {
    return nghttp2_session_get_outbound_queue_size(session->nghttp2);
}

uint32_t cnghttp2_peer_stream_limit(const cnghttp2_session *session) {
    return nghttp2_session_get_remote_settings(session->nghttp2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

int cnghttp2_submit_shutdown_notice(cnghttp2_session *session) {
    int result = session->is_server ? nghttp2_submit_shutdown_notice(session->nghttp2) : 0;
    return result != 0 ? result : nghttp2_submit_ping(session->nghttp2, NGHTTP2_FLAG_NONE, NULL);
}

int cnghttp2_submit_goaway(cnghttp2_session *session, uint32_t code) {
    int32_t last = nghttp2_session_get_last_proc_stream_id(session->nghttp2);
    return nghttp2_submit_goaway(session->nghttp2, NGHTTP2_FLAG_NONE, last, code, NULL, 0);
}
