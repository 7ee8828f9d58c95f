package isthmus;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Map;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** One provider of one interface; everything it says of itself comes from system properties. */
public class DubboProvider {
    public static void main(String[] args) throws Exception {
        ApplicationConfig application = new ApplicationConfig(text("application"));
        application.setQosEnable(false);
        application.setRegisterMode(text("registerMode"));
        RegistryConfig registry = new RegistryConfig(text("registry"));
        registry.setParameters(Map.of("session", text("sessionTimeout"))); // of ZooKeeper; milliseconds
        registry.setTimeout(10_000);
        ProtocolConfig protocol = new ProtocolConfig(text("protocol"), Integer.getInteger("isthmus.port"));
        ServiceConfig<Greeter> service = new ServiceConfig<>();
        service.setInterface(Greeter.class);
        if (!text("version").isEmpty()) service.setVersion(text("version"));
        if (!text("group").isEmpty()) service.setGroup(text("group"));
        if (!text("weight").isEmpty()) service.setWeight(Integer.getInteger("isthmus.weight"));
        service.setParameters(Map.of("zone", text("zone")));
        service.setRef(new Greeter() {
            public String hi(String name) { return "hi " + name; }

            public int add(int a, int b) { return a + b; }
        });
        DubboBootstrap.getInstance().application(application).registry(registry).protocol(protocol).service(service).start();
        // Accepts connections from now on: that is how the one who started us knows that it is registered.
        ServerSocket ready = new ServerSocket(Integer.getInteger("isthmus.readyPort"), 16, InetAddress.getByName("127.0.0.1"));
        while (true) ready.accept().close();
    }

    private static String text(String name) {
        return System.getProperty("isthmus." + name, "");
    }
}
