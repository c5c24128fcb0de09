// SPDX-License-Identifier: Apache-2.0
// A narrow face of libnghttp2 and zlib for Swift: no nghttp2 or zlib type appears here.
//
// The library's callbacks run in C and only record events; the caller reads them after cnghttp2_receive or
// cnghttp2_send returned. So no code of the caller ever runs with nghttp2 on the stack.
// A session and all that belongs to it is used from one thread at a time.

#ifndef CNGHTTP2_H
#define CNGHTTP2_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cnghttp2_session cnghttp2_session;

typedef struct {
    uint8_t is_server;
    uint32_t max_concurrent_streams;  // announced; streams above it are refused
    uint32_t max_header_list_size;    // announced and enforced, in the octets of RFC 9113, 6.5.2
    uint32_t stream_window;           // initial receive window of a stream
    uint32_t connection_window;       // receive window of the connection
    uint32_t reset_burst;             // streams that a client may reset at once; 0 = the library's own limits
    uint32_t reset_rate;              // and for each second after that, before the connection is ended
} cnghttp2_options;

typedef enum {
    CNGHTTP2_EVENT_HEADERS = 1,  // a complete header block: offset and length in cnghttp2_blocks
    CNGHTTP2_EVENT_DATA,         // offset and length in the input of this cnghttp2_receive
    CNGHTTP2_EVENT_END_STREAM,   // the peer has half-closed
    CNGHTTP2_EVENT_CLOSED,       // the stream is gone; code is its HTTP/2 error code. Always the stream's last event
    CNGHTTP2_EVENT_GOAWAY,       // stream_id is the peer's last, code its error code
    CNGHTTP2_EVENT_PING_ACK,     // an answer to cnghttp2_submit_ping
    CNGHTTP2_EVENT_SETTINGS      // the peer's SETTINGS arrived
} cnghttp2_event_kind;

typedef struct {
    uint32_t kind;  // a cnghttp2_event_kind
    uint8_t is_trailers;  // HEADERS: not the first block of the stream
    uint8_t ends_stream;  // DATA: the frame has END_STREAM, which follows as an event of its own
    int32_t stream_id;
    uint32_t slot;  // small number, unique among living streams, reused after CLOSED
    uint32_t offset;
    uint32_t length;
    uint32_t code;
} cnghttp2_event;

// Tokens of the field names that the call layer looks at; everything else is OTHER.
typedef enum {
    CNGHTTP2_FIELD_OTHER = 0,
    CNGHTTP2_FIELD_METHOD,
    CNGHTTP2_FIELD_SCHEME,
    CNGHTTP2_FIELD_AUTHORITY,
    CNGHTTP2_FIELD_PATH,
    CNGHTTP2_FIELD_STATUS,
    CNGHTTP2_FIELD_TE,
    CNGHTTP2_FIELD_CONTENT_TYPE,
    CNGHTTP2_FIELD_GRPC_TIMEOUT,
    CNGHTTP2_FIELD_GRPC_ENCODING,
    CNGHTTP2_FIELD_GRPC_ACCEPT_ENCODING,
    CNGHTTP2_FIELD_GRPC_STATUS,
    CNGHTTP2_FIELD_GRPC_MESSAGE
} cnghttp2_field_name;

// A place in the output where the caller puts octets of a body that it keeps.
typedef struct {
    uint32_t slot;
    int32_t stream_id;
    uint32_t offset;  // in what the cnghttp2_send gave: they belong in front of the octet there
    uint32_t length;
} cnghttp2_splice;

// A header block is a row of records: these three numbers in the machine's byte order, then the name, then the value.
typedef struct {
    uint32_t token;
    uint32_t name_length;
    uint32_t value_length;
} cnghttp2_field;

uint32_t cnghttp2_token(const uint8_t *name, size_t length);

// Returns NULL when memory is short. SETTINGS are queued; the first cnghttp2_send yields them.
cnghttp2_session *cnghttp2_session_new(const cnghttp2_options *options);
// Fires no event, frees everything. NULL is allowed.
void cnghttp2_session_free(cnghttp2_session *session);

// Feeds bytes. Returns 0, or a negative nghttp2 error after which the connection must be dropped
// (NGHTTP2_ERR_BAD_CLIENT_MAGIC, _FLOODED, _NOMEM, _CALLBACK_FAILURE). Protocol errors of the peer return 0 and
// queue a GOAWAY. Events of earlier calls must have been cleared.
int cnghttp2_receive(cnghttp2_session *session, const uint8_t *input, size_t length);
enum { CNGHTTP2_FRAME_HEADER = 9 };

// Copies queued output to `output`, at most `capacity` octets. Returns the count, or a negative error as above.
// The bodies that the caller keeps are not copied, but count against `capacity`: see the splices. CNGHTTP2_FRAME_HEADER
// octets stay free.
ptrdiff_t cnghttp2_send(cnghttp2_session *session, uint8_t *output, size_t capacity);
// The splices of the last cnghttp2_send, in the order of their offsets; valid until the next one.
size_t cnghttp2_splice_count(const cnghttp2_session *session);
cnghttp2_splice cnghttp2_splice_at(const cnghttp2_session *session, size_t index);

int cnghttp2_wants_read(const cnghttp2_session *session);
int cnghttp2_wants_write(const cnghttp2_session *session);
const char *cnghttp2_strerror(int error);

// Valid until the next receive, send or clear.
size_t cnghttp2_event_count(const cnghttp2_session *session);
cnghttp2_event cnghttp2_event_at(const cnghttp2_session *session, size_t index);
const uint8_t *cnghttp2_blocks(const cnghttp2_session *session);
// Forgets events and complete header blocks; a block still being received is kept.
void cnghttp2_clear_events(cnghttp2_session *session);

// Streams are named by slot and id together; a pair that is no longer alive is ignored and answered with -1 (or 0 octets).

// Server: headers, one message with its 5-octet prefix, and trailers `grpc-status: 0`, all at once.
int cnghttp2_respond_unary(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *message, size_t length, int compressed);
// Server: starts a response; messages follow by cnghttp2_write, the end by cnghttp2_finish. With `keeps_body` the caller keeps
// the body and tells its length by cnghttp2_offer; the peer may then go on sending when the response has ended.
int cnghttp2_respond(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *block, size_t length, int keeps_body);
// Server: a response that is one header block.
int cnghttp2_respond_headers_only(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *block, size_t length);
// Client: returns the stream's id and sets its slot, or returns a negative error. `keeps_body`: as above.
int32_t cnghttp2_request(
    cnghttp2_session *session, const uint8_t *block, size_t length, int keeps_body, uint32_t *slot);
// Appends one message: `compressed` and the length make the 5-octet prefix.
int cnghttp2_write(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *message, size_t length, int compressed);
// So many octets more of a body that the caller keeps may be sent.
int cnghttp2_offer(cnghttp2_session *session, uint32_t slot, int32_t stream_id, size_t length);
// Ends the body; a server gives the trailers, a client none (length 0).
int cnghttp2_finish(
    cnghttp2_session *session, uint32_t slot, int32_t stream_id, const uint8_t *trailers, size_t length);
// Nothing more is wanted of the peer: it is told to stop, unless it has ended, once our side has.
int cnghttp2_release(cnghttp2_session *session, uint32_t slot, int32_t stream_id);
// Octets written or offered, and not yet framed.
size_t cnghttp2_pending(const cnghttp2_session *session, uint32_t slot, int32_t stream_id);

// These take any stream id, also of streams that are gone.
int cnghttp2_reset(cnghttp2_session *session, int32_t stream_id, uint32_t code);
// Credits received octets to the stream or to the connection.
int cnghttp2_consume_stream(cnghttp2_session *session, int32_t stream_id, size_t length);
int cnghttp2_consume_connection(cnghttp2_session *session, size_t length);

int cnghttp2_submit_ping(cnghttp2_session *session);
// Frames that wait to be sent, without those of bodies.
size_t cnghttp2_queued_frames(const cnghttp2_session *session);
// Streams that the peer takes at a time.
uint32_t cnghttp2_peer_stream_limit(const cnghttp2_session *session);

// First half of a graceful end: GOAWAY with the highest id, and a PING.
int cnghttp2_submit_shutdown_notice(cnghttp2_session *session);
// Second half: GOAWAY with the last stream that was taken.
int cnghttp2_submit_goaway(cnghttp2_session *session, uint32_t code);

// zlib, gzip format (RFC 1952).

// Compresses the whole input to a block that the caller frees with cnghttp2_gzip_free. Returns NULL when memory is short.
uint8_t *cnghttp2_gzip_compress(const uint8_t *input, size_t length, size_t *output_length);
// Inflates the whole input, at most `limit` octets. Returns 0, 1 when the output is larger than `limit`, or -1 when the
// input is no complete gzip file or memory is short. On 0 the caller frees *output (which may be NULL when empty).
int cnghttp2_gzip_inflate(
    const uint8_t *input, size_t length, size_t limit, uint8_t **output, size_t *output_length);
void cnghttp2_gzip_free(uint8_t *memory);

#ifdef __cplusplus
}
#endif

#endif
