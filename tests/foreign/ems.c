/* A stranger's controller: a small energy management system in C that shares no line with the bench.
 *
 * It hears the BMS (cell temperature, contactors) on CAN FD, checks the end-to-end protection of what it hears, commands a
 * SunSpec inverter over Modbus TCP, and isolates the pack when a cell is hotter than 45 degC. It does nothing else: no
 * gradient, no derating, no V2G rules. Its PICS claims SAF-01 alone.
 *
 *   ems run INTERFACE CHANNEL HOST PORT LOG SOCKET    INTERFACE: socketcan, or v2g_userland (CHANNEL: the hub's socket)
 *   ems ctl SOCKET set WATTS | status | reset         exit status 0 accepted, 1 refused, 2 nobody there
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BMS_SAFETY = 128, EMS_COMMAND = 160, BMS_CONTACTOR = 272, EMS_STATUS = 544 };
enum { SAFETY_ID = 8320, COMMAND_ID = 8352, CONTACTOR_ID = 8464 }; /* data ids of the end-to-end protection */
enum { CLOSED = 2, HOT_TENTHS = 450, SILENCE_MS = 200, CYCLE_MS = 10, STATUS_MS = 100 };

static int bus = -1, userland, modbus = -1;
static FILE *journal;
static uint16_t transaction, m704, m715;
static int tripped, close_request, contactor, running, temperature = -1000;
static long wanted_w, ordered_w;
static int64_t heard_ms;

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(journal, format, args);
    va_end(args);
    fputc('\n', journal);
    fflush(journal);
}

static void die(const char *what) {
    fprintf(stderr, "ems: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- CAN ---- */

static uint16_t crc16(const uint8_t *data, int length, uint16_t id) {
    uint16_t crc = 0xFFFF;
    for (int i = 0; i < length + 2; i++) {
        uint8_t byte = i < length ? data[i] : i == length ? id & 0xFF : id >> 8;
        crc ^= (uint16_t)(byte << 8);
        for (int bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (uint16_t)(crc << 1) ^ 0x1021 : (uint16_t)(crc << 1);
    }
    return crc;
}

static int sound(const uint8_t *data, int length, uint16_t id) {
    return length > 3 && crc16(data + 2, length - 2, id) == (data[0] | data[1] << 8);
}

static void open_bus(const char *interface, const char *channel) {
    userland = strcmp(interface, "socketcan") != 0;
    if (userland) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct timeval patience = {.tv_sec = 5};
        uint8_t hello[5] = {'V', '2', 'G', '1', 0}, welcome[12];
        bus = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        snprintf(address.sun_path, sizeof address.sun_path, "%s", channel);
        if (connect(bus, (struct sockaddr *)&address, sizeof address)) die("hub");
        setsockopt(bus, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (send(bus, hello, 5, 0) != 5 || recv(bus, welcome, 12, 0) != 12 || memcmp(welcome, "V2G1", 4)) die("welcome");
    } else {
        struct sockaddr_can address = {.can_family = AF_CAN};
        int on = 1;
        bus = socket(PF_CAN, SOCK_RAW, CAN_RAW);
        if (bus < 0) die("CAN");
        if (!(address.can_ifindex = (int)if_nametoindex(channel))) die(channel);
        setsockopt(bus, SOL_CAN_RAW, CAN_RAW_FD_FRAMES, &on, sizeof on);
        if (bind(bus, (struct sockaddr *)&address, sizeof address)) die("bind");
    }
    fcntl(bus, F_SETFL, O_NONBLOCK);
}

static void put(uint32_t id, const uint8_t *data, int length) {
    if (userland) {
        uint8_t packet[6 + 64] = {id & 0xFF, id >> 8 & 0xFF, 0, 0, 0x18 /* FD, bit rate switch */, (uint8_t)length};
        memcpy(packet + 6, data, (size_t)length);
        if (send(bus, packet, 6 + (size_t)length, 0) < 0 && errno != EAGAIN) die("bus");
    } else {
        struct canfd_frame frame = {.can_id = id, .len = (uint8_t)length, .flags = CANFD_BRS};
        memcpy(frame.data, data, (size_t)length);
        if (write(bus, &frame, sizeof frame) < 0 && errno != EAGAIN && errno != ENOBUFS) die("bus");
    }
}

/* The next frame: its length, 0 if there is none. */
static int take(uint32_t *id, uint8_t *data) {
    if (userland) {
        uint8_t packet[26 + 64];
        ssize_t got = recv(bus, packet, sizeof packet, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN)) die("hub");
        if (got < 26) return 0;
        *id = packet[20] | packet[21] << 8 | packet[22] << 16 | (uint32_t)packet[23] << 24;
        memcpy(data, packet + 26, (size_t)got - 26);
        return (int)got - 26;
    }
    struct canfd_frame frame;
    ssize_t got = read(bus, &frame, sizeof frame);
    if (got < (ssize_t)CAN_MTU) return 0;
    *id = frame.can_id & CAN_EFF_MASK;
    memcpy(data, frame.data, frame.len);
    return frame.len;
}

static void command_pack(void) {
    static uint8_t counter;
    uint8_t data[16] = {0};
    data[2] = counter++;
    data[3] = (uint8_t)close_request;
    data[4] = tripped ? 4 : ordered_w < 0 ? 2 : ordered_w > 0 ? 1 : 0;
    data[5] = ordered_w & 0xFF, data[6] = ordered_w >> 8 & 0xFF, data[7] = ordered_w >> 16 & 0xFF;
    uint16_t crc = crc16(data + 2, 14, COMMAND_ID);
    data[0] = crc & 0xFF, data[1] = (uint8_t)(crc >> 8);
    put(EMS_COMMAND, data, 16);
}

static void tell_status(void) {
    uint8_t data[16] = {0};
    data[2] = (uint8_t)tripped;
    put(EMS_STATUS, data, 16);
}

/* ---- Modbus TCP, SunSpec ---- */

static void ask(const uint8_t *pdu, int length) {
    uint8_t frame[64] = {0};
    transaction++;
    frame[0] = (uint8_t)(transaction >> 8), frame[1] = transaction & 0xFF;
    frame[5] = (uint8_t)(length + 1), frame[6] = 1;
    memcpy(frame + 7, pdu, (size_t)length);
    if (send(modbus, frame, (size_t)length + 7, MSG_NOSIGNAL) < 0) die("inverter");
}

static void receive(uint8_t *data, int length) {
    for (int have = 0; have < length;) {
        ssize_t got = recv(modbus, data + have, (size_t)(length - have), 0);
        if (got <= 0) die("inverter");
        have += (int)got;
    }
}

/* The reply to the request before last + `behind`; its registers if it was a read. */
static void hear(uint16_t expected, uint16_t *registers) {
    uint8_t frame[260];
    receive(frame, 7);
    int length = (frame[4] << 8 | frame[5]) - 1;
    if (length < 2 || length > 253) die("reply");
    receive(frame + 7, length);
    if ((frame[0] << 8 | frame[1]) != expected) die("transaction");
    if (frame[7] & 0x80) {
        note("the inverter refuses: exception %d", frame[8]);
        return;
    }
    for (int i = 0; registers && i < frame[8] / 2; i++) registers[i] = (uint16_t)(frame[9 + 2 * i] << 8 | frame[10 + 2 * i]);
}

static void fetch(uint16_t address, uint16_t count, uint16_t *registers) {
    uint8_t pdu[5] = {3, (uint8_t)(address >> 8), address & 0xFF, 0, (uint8_t)count};
    ask(pdu, 5);
    hear(transaction, registers);
}

static void order(uint16_t address, const uint16_t *values, int count) {
    uint8_t pdu[32] = {16, (uint8_t)(address >> 8), address & 0xFF, 0, (uint8_t)count, (uint8_t)(2 * count)};
    for (int i = 0; i < count; i++) pdu[6 + 2 * i] = (uint8_t)(values[i] >> 8), pdu[7 + 2 * i] = values[i] & 0xFF;
    ask(pdu, 6 + 2 * count);
}

static void order_power(long watts) { /* SunSpec counts what leaves the battery as positive */
    uint32_t set = (uint32_t)-watts;
    uint16_t values[4] = {1, 1, (uint16_t)(set >> 16), set & 0xFFFF};
    order((uint16_t)(m704 + 22), values, 4);
    ordered_w = watts;
}

static void order_running(uint16_t on) {
    order((uint16_t)(m715 + 8), &on, 1);
    running = on;
}

/* Both at once, the replies afterwards: the stop waits for nothing. */
static void stop_inverter(void) {
    uint16_t first = (uint16_t)(transaction + 1);
    order_running(0);
    order_power(0);
    hear(first, NULL);
    hear((uint16_t)(first + 1), NULL);
}

static void open_inverter(const char *host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = 1};
    uint16_t word[2], at = 40002;
    int on = 1;
    inet_pton(AF_INET, host, &address.sin_addr);
    modbus = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(modbus, (struct sockaddr *)&address, sizeof address)) die("inverter");
    setsockopt(modbus, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(modbus, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    fetch(40000, 2, word);
    if (word[0] != 0x5375 || word[1] != 0x6E53) die("no SunSpec");
    for (int i = 0; i < 50; i++, at = (uint16_t)(at + 2 + word[1])) {
        fetch(at, 2, word);
        if (word[0] == 704) m704 = at;
        if (word[0] == 715) m715 = at;
        if (word[0] == 0xFFFF) break;
    }
    if (!m704 || !m715) die("no model 704 or 715");
    stop_inverter();
}

/* ---- What it is for ---- */

static void trip(const char *why) {
#ifdef HESITATES_MS /* a defect for the test that must find it */
    usleep(HESITATES_MS * 1000);
#endif
    stop_inverter();
    close_request = 0;
    command_pack();
    tripped = 1;
    wanted_w = 0;
    tell_status();
    note("EMERGENCY: %s, inverter stopped, contactors opened", why);
}

static void hear_bus(void) {
    uint8_t data[64];
    uint32_t id;
    for (int length; (length = take(&id, data)) > 0;) {
        if (id == BMS_SAFETY && sound(data, length, SAFETY_ID)) {
            heard_ms = now_ms();
            temperature = (int16_t)(data[3] | data[4] << 8);
            if (temperature > HOT_TENTHS && !tripped) trip("a cell above 45 degC");
        } else if (id == BMS_CONTACTOR && sound(data, length, CONTACTOR_ID)) {
            contactor = data[3] & 3;
        }
    }
}

static void pursue(void) {
    if (running && now_ms() - heard_ms > SILENCE_MS) trip("the BMS is silent");
    if (tripped || !close_request || contactor != CLOSED) return;
    if (!running) {
        order_running(1);
        hear(transaction, NULL);
    }
    if (ordered_w != wanted_w) {
        order_power(wanted_w);
        hear(transaction, NULL);
    }
}

static int obey(char *words, char *answer, size_t size) {
    if (!strncmp(words, "set ", 4)) {
        if (tripped) return snprintf(answer, size, "refused: tripped"), 1;
        wanted_w = strtol(words + 4, NULL, 10);
        close_request = 1;
        return snprintf(answer, size, "accepted %ld W", wanted_w), 0;
    }
    if (!strcmp(words, "status")) {
        const char *is = tripped ? "true" : "false";
        return snprintf(answer, size, "{\"trip_latched\": %s, \"cell_temperature_c\": %.1f}", is, temperature / 10.0), 0;
    }
    if (!strcmp(words, "reset")) {
        if (temperature > HOT_TENTHS || now_ms() - heard_ms > SILENCE_MS) return snprintf(answer, size, "refused"), 1;
        tripped = 0;
        return snprintf(answer, size, "reset"), 0;
    }
    return snprintf(answer, size, "what?"), 1;
}

static int control_socket(const char *path, int listening) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (listening) {
        unlink(path);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 8)) die(path);
    } else if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        perror(path);
        exit(2);
    }
    return fd;
}

static volatile sig_atomic_t ended;
static void end(int number) { ended = number; }

static int run(char **arg) {
    int64_t command_ms = 0, status_ms = 0;
    if (!(journal = fopen(arg[4], "a"))) die(arg[4]);
    signal(SIGTERM, end);
    open_bus(arg[0], arg[1]);
    open_inverter(arg[2], atoi(arg[3]));
    int control = control_socket(arg[5], 1);
    note("ems ready on %s", arg[1]);
    while (!ended) {
        struct pollfd waits[2] = {{.fd = bus, .events = POLLIN}, {.fd = control, .events = POLLIN}};
        int64_t left = command_ms + CYCLE_MS - now_ms();
        poll(waits, 2, left > 0 ? (int)left : 0);
        hear_bus();
        pursue();
        if (waits[1].revents) {
            char words[64] = "", answer[128] = " ";
            int client = accept(control, NULL, NULL);
            struct timeval patience = {.tv_usec = 100000};
            setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            if (recv(client, words, sizeof words - 1, 0) > 0) {
                answer[0] = (char)('0' + obey(words, answer + 1, sizeof answer - 1));
                send(client, answer, strlen(answer), MSG_NOSIGNAL);
            }
            close(client);
        }
        if (now_ms() - command_ms >= CYCLE_MS) command_ms = now_ms(), command_pack();
        if (now_ms() - status_ms >= STATUS_MS) status_ms = now_ms(), tell_status();
    }
    stop_inverter();
    close_request = 0;
    command_pack();
    note("ems ended");
    return 0;
}

static int ctl(int count, char **arg) {
    char words[64], answer[128] = "";
    snprintf(words, sizeof words, "%s%s%s", arg[1], count > 2 ? " " : "", count > 2 ? arg[2] : "");
    int fd = control_socket(arg[0], 0);
    send(fd, words, strlen(words), MSG_NOSIGNAL);
    if (recv(fd, answer, sizeof answer - 1, 0) < 1) return 2;
    puts(answer + 1);
    return answer[0] - '0';
}

int main(int count, char **arg) {
    if (count == 8 && !strcmp(arg[1], "run")) return run(arg + 2);
    if (count >= 4 && !strcmp(arg[1], "ctl")) return ctl(count - 2, arg + 2);
    if (count == 2 && !strcmp(arg[1], "--version")) return puts("C-EMS 0.1"), 0;
    fprintf(stderr, "usage: ems run INTERFACE CHANNEL HOST PORT LOG SOCKET | ems ctl SOCKET set WATTS|status|reset\n");
    return 2;
}
