package com.alibaba.nacos;

import com.alibaba.nacos.core.remote.grpc.PushAckIdGenerator;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.net.InetSocketAddress;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Nacos 2's two gRPC servers listen on all addresses and have no setting for it (Nacos 3 has nacos.remote.grpc.listen.ip). Before anybody
 * loads BaseGrpcServer, this loads it with its one call of NettyServerBuilder.forPort replaced by forPort below.
 */
public final class LoopbackGrpc {
    private static final String BUILDER = "io/grpc/netty/shaded/io/grpc/netty/NettyServerBuilder";

    public static NettyServerBuilder forPort(int port) {
        return NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", port));
    }

    static void install() throws Exception {
        ClassWriter writer = new ClassWriter(0);
        try (InputStream original = Nacos.class.getResourceAsStream("/com/alibaba/nacos/core/remote/grpc/BaseGrpcServer.class")) {
            new ClassReader(original).accept(new Redirect(writer), 0);
        }
        // Any class of the package serves as the door into it.
        MethodHandles.privateLookupIn(PushAckIdGenerator.class, MethodHandles.lookup()).defineClass(writer.toByteArray());
    }

    private static final class Redirect extends ClassVisitor {
        Redirect(ClassVisitor next) {
            super(Opcodes.ASM6, next);
        }

        @Override
        public MethodVisitor visitMethod(int access, String name, String descriptor, String signature, String[] exceptions) {
            return new MethodVisitor(Opcodes.ASM6, super.visitMethod(access, name, descriptor, signature, exceptions)) {
                @Override
                public void visitMethodInsn(int opcode, String owner, String method, String type, boolean isInterface) {
                    boolean redirected = owner.equals(BUILDER) && method.equals("forPort");
                    super.visitMethodInsn(opcode, redirected ? "com/alibaba/nacos/LoopbackGrpc" : owner, method, type, isInterface);
                }
            };
        }
    }
}
