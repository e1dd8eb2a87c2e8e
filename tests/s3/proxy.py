"""proxy.py PORT LOG: an HTTP proxy on 127.0.0.1, CONNECT and absolute URLs, for one request a connection; each is a line in LOG."""
import socket
import sys
import threading

listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
log = open(sys.argv[2], 'a', buffering=1)


def pump(source, sink):
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(client):
    head = b''
    while b'\r\n\r\n' not in head:
        piece = client.recv(65536)
        if not piece:
            return
        head += piece
    head, rest = head.split(b'\r\n\r\n', 1)
    line, *headers = head.split(b'\r\n')
    method, target, version = line.split(b' ')
    log.write('%s %s\n' % (method.decode(), target.decode()))
    if method == b'CONNECT':
        host, path = target, b''
    else:
        host, _, path = target.removeprefix(b'http://').partition(b'/')
    name, _, port = host.decode().partition(':')
    server = socket.create_connection((name, int(port or 80)))
    if method == b'CONNECT':
        client.sendall(b'HTTP/1.1 200 Connected\r\n\r\n')
    else:
        kept = [h for h in headers if not h.lower().startswith((b'proxy-', b'connection:'))]
        server.sendall(b'\r\n'.join([b' '.join((method, b'/' + path, version)), *kept, b'Connection: close', b'', b'']) + rest)
        rest = b''
    if rest:
        server.sendall(rest)
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    pump(server, client)


while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
